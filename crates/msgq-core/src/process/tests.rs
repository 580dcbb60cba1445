use super::*;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

fn pid_of(child: &Child) -> ClientNumber {
    ClientNumber::new(child.id().cast_signed()).unwrap()
}

fn sleeper() -> Child {
    Command::new("sleep").arg("60").spawn().unwrap()
}

#[test]
fn zero_one_and_negative_numbers_are_no_clients() {
    for raw in [0, 1, -1, i32::MIN] {
        assert_eq!(ClientNumber::new(raw), None);
    }
    assert_eq!(ClientNumber::from_mtype(1 << 40), None);
}

#[test]
fn a_running_process_is_alive_then_a_zombie_then_dead() {
    let mut child = sleeper();
    let pid = pid_of(&child);
    assert_eq!(liveness(pid).unwrap(), Liveness::Alive);
    let handle = ClientHandle::open(pid).unwrap().unwrap();
    assert!(!handle.is_dead().unwrap());
    child.kill().unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while liveness(pid).unwrap() == Liveness::Alive && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(liveness(pid).unwrap(), Liveness::Zombie);
    assert!(handle.is_dead().unwrap());
    assert!(ClientHandle::open(pid).unwrap().is_none());
    child.wait().unwrap();
    assert_eq!(liveness(pid).unwrap(), Liveness::Dead);
    assert!(handle.is_dead().unwrap());
}

#[test]
fn a_thread_is_alive_as_long_as_it_runs() {
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        tell.send(nix::unistd::gettid().as_raw()).unwrap();
        let _ = stopped.recv();
    });
    let pid = ClientNumber::new(told.recv().unwrap()).unwrap();
    assert_eq!(liveness(pid).unwrap(), Liveness::Alive);
    drop(stop);
    thread.join().unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while liveness(pid).unwrap() != Liveness::Dead && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(liveness(pid).unwrap(), Liveness::Dead);
}

#[test]
fn two_processes_have_two_identities_and_one_keeps_its_own() {
    let (mut first, mut second) = (sleeper(), sleeper());
    let identity = |child: &Child| ClientHandle::open(pid_of(child)).unwrap().unwrap().identity();
    if let Some(number) = identity(&first) {
        assert_eq!(identity(&first), Some(number));
        assert_ne!(identity(&second), Some(number));
    }
    for child in [&mut first, &mut second] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_program_whose_name_is_no_text_does_not_hide_its_user() {
    let told = std::thread::spawn(|| {
        std::fs::write("/proc/thread-self/comm", b"\xff\xfe").unwrap();
        effective_user(nix::unistd::gettid().as_raw())
    });
    assert_eq!(told.join().unwrap(), Some(nix::unistd::geteuid().as_raw()));
}
