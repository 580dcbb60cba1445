use super::verdict::verdict;
use super::*;
use crate::layout::protocol::{ClientKind, Protocol, RequestTypes, ResponseType};
use crate::limits::PID_MAX_LIMIT;
use crate::process::{ClientNumber, Liveness};
use crate::queue::{BrowseLimits, MessageBuffer};
use crate::scratch::ScratchQueue;
use proptest::prelude::*;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Scratch(ScratchQueue);

impl Scratch {
    fn new() -> Self {
        Self(ScratchQueue::new())
    }

    fn put(&self, mtype: i64, count: usize) {
        for _ in 0..count {
            self.0.try_send(mtype, &[7; 260]).unwrap();
        }
    }

    fn types(&self) -> Vec<i64> {
        let mut buffer = MessageBuffer::new();
        (0..1000).map_while(|index| self.0.peek(index, &mut buffer).unwrap().then(|| buffer.mtype())).collect()
    }
}

fn client(child: &Child) -> ClientNumber {
    ClientNumber::new(child.id().cast_signed()).unwrap()
}

fn sleeper() -> Child {
    Command::new("sleep").arg("60").spawn().unwrap()
}

/// A number that nobody has, and that will not be given out again soon: the highest of all.
fn nobody() -> ClientNumber {
    (2..PID_MAX_LIMIT)
        .rev()
        .filter_map(ClientNumber::new)
        .find(|pid| crate::process::liveness(*pid).unwrap() == Liveness::Dead)
        .unwrap()
}

fn own_pid() -> ClientNumber {
    ClientNumber::new(std::process::id().cast_signed()).unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn judged(mtype: i64, liveness: Option<Liveness>) -> Verdict {
    verdict(&Protocol::default(), mtype, liveness)
}

#[test]
fn a_response_is_judged_by_its_reader() {
    assert_eq!(judged(2, Some(Liveness::Alive)), Verdict::KeepAlive);
    assert_eq!(judged(2, None), Verdict::KeepUnknown);
    assert_eq!(judged(2, Some(Liveness::Dead)), Verdict::Orphan(Reason::NoSuchProcess));
    assert_eq!(judged(2, Some(Liveness::Zombie)), Verdict::Orphan(Reason::Zombie));
}

#[test]
fn a_type_that_linux_gives_nobody_is_impossible_whatever_is_said_of_it() {
    for mtype in [i64::from(PID_MAX_LIMIT), 1 << 40, i64::MAX, 0, -5] {
        assert_eq!(judged(mtype, Some(Liveness::Alive)), Verdict::Orphan(Reason::ImpossibleType));
    }
    assert_eq!(judged(i64::from(PID_MAX_LIMIT) - 1, Some(Liveness::Alive)), Verdict::KeepAlive);
}

proptest! {
    #[test]
    fn a_request_is_never_an_orphan_and_a_living_reader_loses_nothing(mtype in any::<i64>(), dead in any::<bool>()) {
        let liveness = Some(if dead { Liveness::Dead } else { Liveness::Alive });
        prop_assert_eq!(judged(1, liveness), Verdict::Request);
        let is_kept = judged(mtype, Some(Liveness::Alive)) == Verdict::KeepAlive;
        prop_assert_eq!(is_kept, reader_of(&Protocol::default(), mtype).is_some());
    }
}

#[test]
fn a_survey_counts_by_type_and_takes_nothing() {
    let scratch = Scratch::new();
    for (mtype, count) in [(1, 2), (70, 3), (1, 1), (80, 1)] {
        scratch.put(mtype, count);
    }
    let survey = Survey::of_queue(&scratch.0, &Protocol::default(), BrowseLimits::default()).unwrap();
    assert_eq!(survey.requests[&1], Resting { messages: 3, bytes: 780 });
    assert_eq!(survey.responses[&70], Resting { messages: 3, bytes: 780 });
    assert_eq!(survey.responses[&80].messages, 1);
    assert!(survey.is_complete);
    assert_eq!(scratch.0.stat().unwrap().messages, 7);
}

#[test]
fn a_survey_ends_at_its_limits_and_says_so() {
    let scratch = Scratch::new();
    for _ in 0..5000 {
        scratch.0.try_send(9, b"").unwrap();
    }
    let by_number =
        Survey::of_queue(&scratch.0, &Protocol::default(), BrowseLimits { messages: 10, ..BrowseLimits::default() })
            .unwrap();
    assert_eq!((by_number.looked_at, by_number.is_complete), (10, false));
    let by_time = Survey::of_queue(
        &scratch.0,
        &Protocol::default(),
        BrowseLimits { time: Duration::from_millis(1), messages: 10_000 },
    )
    .unwrap();
    assert!(by_time.looked_at < 5000 && !by_time.is_complete, "{by_time:?}");
}

#[test]
fn a_sweep_removes_the_responses_of_the_dead_and_nothing_else() {
    let scratch = Scratch::new();
    let (zombie, reader) = (sleeper(), sleeper());
    let mut zombie = zombie;
    zombie.kill().unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    while crate::process::liveness(client(&zombie)).unwrap() != Liveness::Zombie && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(1));
    }
    let living = client(&reader).get();
    for mtype in [1, nobody().get(), living, client(&zombie).get(), 1 << 40, nobody().get()] {
        scratch.put(mtype, 1);
    }
    let dry = sweep(&scratch.0, &SweepOptions { dry_run: true, ..SweepOptions::default() }).unwrap();
    assert_eq!(scratch.types().len(), 6);
    let report = sweep(&scratch.0, &SweepOptions::default()).unwrap();
    assert_eq!(report, dry);
    assert!(report.is_complete);
    assert_eq!(scratch.types(), [1, living]);
    let removed: Vec<_> = report.removed.iter().map(|it| (it.mtype, it.reason, it.resting.messages)).collect();
    assert!(removed.contains(&(nobody().get(), Reason::NoSuchProcess, 2)), "{removed:?}");
    assert!(removed.contains(&(client(&zombie).get(), Reason::Zombie, 1)), "{removed:?}");
    assert!(removed.contains(&(1 << 40, Reason::ImpossibleType, 1)), "{removed:?}");
    assert_eq!(report.kept.iter().map(|kept| kept.mtype).collect::<Vec<_>>(), [living]);
    end(reader);
    end(zombie);
}

#[test]
fn a_named_living_client_is_spared_unless_forced_and_others_are_not_touched() {
    let scratch = Scratch::new();
    for mtype in [nobody().get(), own_pid().get()] {
        scratch.put(mtype, 2);
    }
    let only = SweepOptions { scope: SweepScope::Clients(vec![own_pid()]), ..SweepOptions::default() };
    let spared = sweep(&scratch.0, &only).unwrap();
    assert_eq!((spared.removed.len(), spared.kept[0].verdict), (0, Verdict::KeepAlive));
    assert_eq!(scratch.types().len(), 4);
    let forced = sweep(&scratch.0, &SweepOptions { force: true, ..only }).unwrap();
    assert_eq!((forced.removed[0].reason, forced.removed[0].resting.messages), (Reason::Forced, 2));
    assert_eq!(scratch.types(), [nobody().get(); 2]);
    let without_names = sweep(&scratch.0, &SweepOptions { force: true, dry_run: true, ..SweepOptions::default() });
    assert_eq!(without_names.unwrap().removed[0].reason, Reason::NoSuchProcess);
}

#[test]
fn of_a_number_nobody_knows_whether_it_reads_so_it_goes_by_force_alone() {
    let scratch = Scratch::new();
    let client = ClientNumber::without_process(1 << 40).unwrap();
    scratch.put(client.get(), 1);
    scratch.put(nobody().get(), 1);
    let numbers = Protocol::default()
        .with_types(RequestTypes::default(), ResponseType::Client { base: 0 }, ClientKind::Number)
        .unwrap();
    let all = SweepOptions { protocol: Arc::new(numbers), ..SweepOptions::default() };
    let spared = sweep(&scratch.0, &all).unwrap();
    assert!(spared.removed.is_empty() && spared.kept.iter().all(|kept| kept.verdict == Verdict::KeepUnknown));
    let forced = sweep(&scratch.0, &SweepOptions { scope: SweepScope::Clients(vec![client]), force: true, ..all });
    assert_eq!(forced.unwrap().removed[0].reason, Reason::Forced);
    assert_eq!(scratch.types(), [nobody().get()]);
}

fn removing(removal: RemovalLimits) -> SweepOptions {
    SweepOptions { removal, ..SweepOptions::default() }
}

#[test]
fn a_sweep_ends_at_its_limits_and_says_so() {
    let scratch = Scratch::new();
    scratch.put(nobody().get(), 5);
    let report = sweep(&scratch.0, &removing(RemovalLimits { messages: 2, ..RemovalLimits::default() })).unwrap();
    assert_eq!((report.removed[0].resting.messages, report.is_complete), (2, false));
    let report =
        sweep(&scratch.0, &removing(RemovalLimits { time: Duration::ZERO, ..RemovalLimits::default() })).unwrap();
    assert_eq!((report.removed.len(), report.is_complete), (0, false));
    assert_eq!(scratch.types().len(), 3);
}

#[test]
fn a_sweep_takes_no_more_of_a_type_than_it_saw() {
    let scratch = Scratch::new();
    scratch.put(nobody().get(), 5);
    let survey = BrowseLimits { messages: 3, ..BrowseLimits::default() };
    let report = sweep(&scratch.0, &SweepOptions { survey, ..SweepOptions::default() }).unwrap();
    assert_eq!((report.removed[0].resting.messages, report.is_complete), (3, false));
}

#[test]
fn what_goes_by_age_is_the_front_of_a_type_up_to_the_last_message_that_is_old_enough() {
    let (scratch, sleeper) = (Scratch::new(), sleeper());
    for age_s in [0, 0, 9, 0, 3, 0, 0] {
        scratch.0.try_send(nobody().get(), &[age_s]).unwrap();
    }
    scratch.put(own_pid().get(), 1);
    let age = |_, body: &[u8]| (body[0] > 0).then(|| Duration::from_secs(body[0].into()));
    let older = |options: &SweepOptions| sweep_older_than(&scratch.0, options, Duration::from_secs(5), age).unwrap();
    let dry = older(&SweepOptions { dry_run: true, ..SweepOptions::default() });
    assert_eq!((dry.removed[0].resting, dry.unknown_age), (Resting { messages: 3, bytes: 3 }, 2));
    assert_eq!(dry.kept[0].seen.map(|seen| seen.messages), Some(1));
    assert_eq!(older(&SweepOptions::default()), dry);
    assert_eq!(scratch.types().len(), 5);
    assert_eq!(older(&SweepOptions::default()).removed, []);
    let unseen = SweepOptions { scope: SweepScope::Clients(vec![client(&sleeper)]), ..SweepOptions::default() };
    assert_eq!(older(&unseen), SweepReport { is_complete: true, ..SweepReport::default() });
    end(sleeper);
}

#[test]
fn named_types_go_as_far_as_they_are_seen_and_requests_only_on_demand() {
    let scratch = Scratch::new();
    for mtype in [1, nobody().get(), 1 << 40, 1, own_pid().get()] {
        scratch.put(mtype, 1);
    }
    let scope = SweepScope::Types(vec![1, 1 << 40, own_pid().get(), 70]);
    let named = SweepOptions { scope, ..SweepOptions::default() };
    let report = sweep(&scratch.0, &named).unwrap();
    assert_eq!((report.removed[0].mtype, report.kept[0].mtype), (1 << 40, own_pid().get()));
    assert_eq!((report.removed.len(), report.kept.len()), (1, 1));
    sweep(&scratch.0, &SweepOptions { force: true, ..named }).unwrap();
    assert_eq!(scratch.types(), [1, nobody().get(), 1]);
    let mut lens = Vec::new();
    assert!(
        take_requests(&scratch.0, &RequestTypes::default(), 1, RemovalLimits::default(), |it| lens
            .push(it.body().len()))
        .unwrap()
    );
    assert_eq!((lens, scratch.types()), (vec![260], vec![nobody().get(), 1]));
    let limits = RemovalLimits { time: Duration::ZERO, ..RemovalLimits::default() };
    assert!(!take_requests(&scratch.0, &RequestTypes::default(), 1, limits, |_| panic!("taken")).unwrap());
}

#[test]
fn types_that_are_named_as_a_whole_go_whatever_they_are_and_no_other() {
    let scratch = Scratch::new();
    for mtype in [1, nobody().get(), own_pid().get(), 1 << 40, 1] {
        scratch.put(mtype, 1);
    }
    let scope = SweepScope::WholeTypes(vec![1, own_pid().get()]);
    let options = SweepOptions { scope, ..SweepOptions::default() };
    let dry = sweep(&scratch.0, &SweepOptions { dry_run: true, ..options.clone() }).unwrap();
    assert_eq!(scratch.types().len(), 5);
    let report = sweep(&scratch.0, &options).unwrap();
    assert_eq!(report, dry);
    assert!(report.removed.iter().all(|removed| removed.reason == Reason::Named), "{report:?}");
    assert_eq!(scratch.types(), [nobody().get(), 1 << 40]);
}

#[test]
fn without_msg_copy_the_error_says_how_it_works_all_the_same() {
    let scratch = Scratch::new();
    let error = SweepError::CannotLook(scratch.0.failed("msgrcv", nix::errno::Errno::ENOSYS));
    assert!(error.to_string().contains("msgqctl purge --pid PID"), "{error}");
}

#[test]
fn whose_a_message_is_goes_by_the_protocol() {
    let scratch = Scratch::new();
    let types = RequestTypes::new(&[2..=2, 5..=5]).unwrap();
    let protocol = Arc::new(
        Protocol::default()
            .with_types(types.clone(), ResponseType::Client { base: 1_000_000_000 }, ClientKind::Process)
            .unwrap(),
    );
    let (dead, own) = (protocol.response_mtype(nobody().get()), protocol.response_mtype(own_pid().get()));
    for mtype in [2, 3, 5, dead, own, own_pid().get(), 5] {
        scratch.put(mtype, 1);
    }
    let survey = Survey::of_queue(&scratch.0, &protocol, BrowseLimits::default()).unwrap();
    assert_eq!((survey.request_count(), survey.responses.len()), (4, 3));
    let only = |scope| SweepOptions { scope, protocol: protocol.clone(), ..SweepOptions::default() };
    let kept = sweep(&scratch.0, &only(SweepScope::Clients(vec![own_pid()]))).unwrap().kept;
    assert_eq!((kept[0].mtype, kept[0].verdict), (own, Verdict::KeepAlive));
    let removed = sweep(&scratch.0, &only(SweepScope::All)).unwrap().removed;
    let reasons: Vec<_> = removed.iter().map(|removed| (removed.mtype, removed.reason)).collect();
    assert_eq!(reasons, [(own_pid().get(), Reason::ImpossibleType), (dead, Reason::NoSuchProcess)]);
    assert_eq!(scratch.types(), [2, 3, 5, own, 5]);
    assert!(take_requests(&scratch.0, &types, 4, RemovalLimits::default(), |_| {}).unwrap());
    assert_eq!(scratch.types(), [own]);
}
