use super::rounds::SILENT_TURN;
use super::*;
use msgq_core::process::ClientOwner;
use std::time::Duration;

fn client(raw: i32) -> ClientNumber {
    ClientNumber::new(raw).unwrap()
}

/// A process of its own, all of one user.
fn process(process: i32) -> ClientOwner {
    owner(process, 1000)
}

fn owner(process: i32, uid: u32) -> ClientOwner {
    ClientOwner { process: process.into(), uid: Some(uid), is_kernel_thread: false }
}

/// A client that has read an answer.
fn reader(raw: i32, owner: ClientOwner) -> Asker {
    Asker { client: client(raw), owner, has_read: true }
}

/// One that was never seen to read.
fn newcomer(raw: i32, owner: ClientOwner) -> Asker {
    Asker { has_read: false, ..reader(raw, owner) }
}

fn put(outbox: &mut Lines, raw: i32, sequence: u64) -> SlotGrant {
    put_of(outbox, raw, process(raw), sequence)
}

fn put_of(outbox: &mut Lines, raw: i32, owner: ClientOwner, sequence: u64) -> SlotGrant {
    put_for(outbox, &reader(raw, owner), sequence, Instant::now())
}

fn put_for(outbox: &mut Lines, asker: &Asker, sequence: u64, now: Instant) -> SlotGrant {
    let admission = outbox.admit(asker, now);
    if let SlotGrant::Slot(slot) | SlotGrant::Instead { slot, .. } = admission {
        outbox.insert(asker, slot, sequence);
    }
    admission
}

/// Has the client never have read an answer, and leave its first ones unread.
fn leave_unread(outbox: &mut Lines, raw: i32, owner: ClientOwner, start: Instant) {
    assert!(matches!(put_for(outbox, &newcomer(raw, owner), 1, start), SlotGrant::Slot(_)));
    for _ in 0..2 {
        let (who, slot) = take(outbox).unwrap();
        assert_eq!(who, client(raw));
        outbox.offered(who, slot, start);
        outbox.taken_back(who, slot, 1, start);
        outbox.wake_parked(start + Duration::from_secs(2));
    }
}

fn take(outbox: &mut Lines) -> Option<(ClientNumber, u32)> {
    outbox.take_next(|_| true, |_, _| true, Instant::now())
}

fn send_all(outbox: &mut Lines) -> Vec<(i64, u64)> {
    let mut sent = Vec::new();
    while let Some((client, slot)) = take(outbox) {
        sent.push((client.get(), outbox.links.sequence(slot)));
        outbox.delivered(client, slot);
    }
    sent
}

#[test]
fn clients_take_turns_and_each_gets_its_answers_in_order() {
    let mut outbox = Lines::new(64);
    for (raw, sequence) in [(10, 1), (10, 2), (10, 3), (20, 4), (30, 5), (20, 6)] {
        put(&mut outbox, raw, sequence);
    }
    assert_eq!(send_all(&mut outbox), [(10, 1), (20, 4), (30, 5), (10, 2), (20, 6), (10, 3)]);
    assert!(outbox.is_empty());
    assert_eq!(outbox.len(), 0);
}

#[test]
fn answers_that_come_late_from_another_worker_still_go_in_the_order_of_receipt() {
    let mut outbox = Lines::new(64);
    for sequence in [5, 2, 9, 1, 7] {
        put(&mut outbox, 10, sequence);
    }
    assert_eq!(send_all(&mut outbox), [(10, 1), (10, 2), (10, 5), (10, 7), (10, 9)]);
}

#[test]
fn at_the_limit_the_client_that_holds_the_most_loses_its_newest_answer() {
    let mut outbox = Lines::new(4);
    for (raw, sequence) in [(10, 1), (10, 2), (10, 3), (20, 4)] {
        put(&mut outbox, raw, sequence);
    }
    let admission = put(&mut outbox, 30, 5);
    assert!(matches!(admission, SlotGrant::Instead { victim, held: 2, .. } if victim == client(10)), "{admission:?}");
    assert_eq!(send_all(&mut outbox), [(10, 1), (20, 4), (30, 5), (10, 2)]);
}

#[test]
fn the_heaviest_client_itself_is_refused_at_the_limit() {
    let mut outbox = Lines::new(4);
    for (raw, sequence) in [(10, 1), (10, 2), (10, 3), (20, 4)] {
        put(&mut outbox, raw, sequence);
    }
    assert_eq!(put(&mut outbox, 10, 5), SlotGrant::Refused { held: 3 });
}

#[test]
fn a_client_with_one_answer_is_never_the_victim_while_another_holds_more() {
    let mut outbox = Lines::new(64);
    let mut sequence = 0;
    for round in 0..2000 {
        sequence += 1;
        let raw = if round % 3 == 0 { 10 } else { 100 + round };
        let before: HashMap<ClientNumber, u32> = outbox.lines().map(|(client, held, _)| (client, held)).collect();
        let most = before.values().copied().max().unwrap_or(0);
        match put(&mut outbox, raw, sequence) {
            SlotGrant::Instead { victim, .. } => assert!(before[&victim] > 1 && before[&victim] == most),
            SlotGrant::Refused { held } => assert!(held + 1 >= most),
            SlotGrant::Slot(_) => {}
        }
        assert!(outbox.len() <= 64);
    }
}

#[test]
fn a_line_holds_an_earlier_answer_from_its_receipt_until_it_was_read() {
    let mut outbox = Lines::new(8);
    assert!(!outbox.holds_earlier(client(10), 5));
    put(&mut outbox, 10, 6);
    assert!(!outbox.holds_earlier(client(10), 5), "it is a later one");
    put(&mut outbox, 10, 4);
    assert!(outbox.holds_earlier(client(10), 5));
    let (who, slot) = take(&mut outbox).unwrap();
    assert!(outbox.holds_earlier(who, 5));
    outbox.offered(who, slot, Instant::now());
    assert!(outbox.holds_earlier(who, 5));
    outbox.delivered(who, slot);
    assert!(!outbox.holds_earlier(who, 5));
}

#[test]
fn nothing_of_a_client_is_sent_while_its_offer_rests() {
    let mut outbox = Lines::new(8);
    put(&mut outbox, 10, 1);
    put(&mut outbox, 10, 2);
    let (who, slot) = take(&mut outbox).unwrap();
    outbox.offered(who, slot, Instant::now());
    put(&mut outbox, 10, 3);
    assert_eq!(take(&mut outbox), None);
    assert_eq!(outbox.offer_count(), 1);
    outbox.delivered(who, slot);
    assert_eq!(send_all(&mut outbox), [(10, 2), (10, 3)]);
}

#[test]
fn an_offer_that_is_taken_back_is_the_first_to_be_offered_again_after_a_growing_pause() {
    let mut outbox = Lines::new(8);
    put(&mut outbox, 10, 1);
    put(&mut outbox, 10, 2);
    let start = Instant::now();
    for pause in [20, 40, 80] {
        let (who, slot) = take(&mut outbox).unwrap();
        assert_eq!(outbox.links.sequence(slot), 1);
        outbox.offered(who, slot, start);
        outbox.taken_back(who, slot, 1, start);
        assert_eq!(take(&mut outbox), None);
        assert_eq!(outbox.wake_parked(start), Some(start + Duration::from_millis(pause)));
        outbox.wake_parked(start + Duration::from_millis(pause));
    }
    assert_eq!(send_all(&mut outbox), [(10, 1), (10, 2)]);
}

#[test]
fn a_line_whose_earlier_request_is_still_with_a_worker_is_set_aside() {
    let mut outbox = Lines::new(8);
    put(&mut outbox, 10, 2);
    put(&mut outbox, 20, 3);
    let later = Instant::now() + Duration::from_millis(2);
    let taken = outbox.take_next(|_| true, |who, _| who != client(10), later).unwrap();
    assert_eq!(taken.0, client(20));
    outbox.delivered(taken.0, taken.1);
    assert_eq!(outbox.take_next(|_| true, |_, _| false, later), None);
    put(&mut outbox, 10, 1);
    assert_eq!(send_all(&mut outbox), [(10, 1), (10, 2)]);
}

#[test]
fn a_dropped_line_frees_all_its_slots_but_the_one_in_the_send_call() {
    let mut outbox = Lines::new(8);
    for sequence in 1..=4 {
        put(&mut outbox, 10, sequence);
    }
    let (who, slot) = take(&mut outbox).unwrap();
    assert_eq!(outbox.drop_line(who).len(), 3);
    assert_eq!(outbox.len(), 1);
    outbox.free_slot(slot);
    assert_eq!(outbox.len(), 0);
    assert!(outbox.is_empty() && !outbox.has_ready());
}

#[test]
fn random_histories_keep_count_of_every_slot() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut outbox = Lines::new(32);
    let mut out: Option<(ClientNumber, u32, bool)> = None;
    let start = Instant::now();
    for sequence in 1..200_000_u64 {
        let raw = 10 + i32::try_from(next(9)).unwrap();
        match next(7) {
            0..=2 => drop(put(&mut outbox, raw, sequence)),
            3 if out.is_none() => out = take(&mut outbox).map(|(client, slot)| (client, slot, true)),
            4 => {
                if let Some((who, slot, _)) = out.take() {
                    match (outbox.phase(who) == Some(LinePhase::Sending(slot)), next(3)) {
                        (false, _) => outbox.free_slot(slot),
                        (true, 0) => _ = outbox.delivered(who, slot),
                        (true, 1) => outbox.offered(who, slot, start),
                        (true, _) => outbox.taken_back(who, slot, 0, start),
                    }
                }
            }
            5 => {
                for (who, slot, _) in outbox.next_offers(32) {
                    if next(2) == 0 { _ = outbox.delivered(who, slot) } else { outbox.taken_back(who, slot, 0, start) }
                }
                outbox.wake_parked(start + Duration::from_secs(2));
            }
            _ if next(10) == 0 => drop(outbox.drop_line(client(raw))),
            _ => {}
        }
        let sending = out.filter(|(who, slot, _)| outbox.phase(*who) != Some(LinePhase::Sending(*slot))).is_some();
        let held: u32 = outbox.lines().map(|(_, held, _)| held).sum();
        assert_eq!(outbox.len(), usize::try_from(held).unwrap() + usize::from(sending), "after step {sequence}");
        for (who, held, phase) in outbox.lines() {
            let outside = matches!(phase, LinePhase::Sending(_) | LinePhase::Offered { .. });
            assert_eq!(outbox.waiting(who).len() + usize::from(outside), usize::try_from(held).unwrap());
            assert_eq!(phase == LinePhase::Ready, outbox.rounds.contains(who));
        }
    }
}

#[test]
fn who_leaves_its_first_answers_unread_has_only_a_turn_now_and_then() {
    let mut outbox = Lines::new(64);
    let start = Instant::now();
    leave_unread(&mut outbox, 10, process(10), start);
    for sequence in 2..=40 {
        put(&mut outbox, 20, sequence);
    }
    let mut turns = 0;
    let mut silent_turns = 0;
    while let Some((who, slot)) = take(&mut outbox) {
        turns += 1;
        if who == client(10) {
            silent_turns += 1;
            break;
        }
        outbox.delivered(who, slot);
    }
    assert_eq!(silent_turns, 1);
    assert!((2..=SILENT_TURN).contains(&turns), "{turns} turns");
    assert_eq!(
        outbox.take_next(|standing| standing != Standing::Silent, |_, _| true, start).map(|(who, _)| who),
        Some(client(20))
    );
}

#[test]
fn a_new_request_does_not_shorten_the_pause_after_an_unread_answer() {
    let mut outbox = Lines::new(8);
    put(&mut outbox, 10, 1);
    let (who, slot) = take(&mut outbox).unwrap();
    let start = Instant::now();
    outbox.offered(who, slot, start);
    outbox.taken_back(who, slot, 1, start);
    put(&mut outbox, 10, 2);
    assert_eq!(take(&mut outbox), None);
}

#[test]
fn threads_that_hold_one_answer_each_answer_for_their_process() {
    let mut outbox = Lines::new(8);
    put_of(&mut outbox, 10, process(10), 1);
    put_of(&mut outbox, 10, process(10), 2);
    for raw in 100..106 {
        put_of(&mut outbox, raw, process(99), 1);
    }
    let admission = put(&mut outbox, 20, 3);
    assert!(matches!(admission, SlotGrant::Instead { victim, .. } if victim.get() >= 100), "{admission:?}");
    assert!(matches!(put_of(&mut outbox, 106, process(99), 9), SlotGrant::Refused { .. }));
}

#[test]
fn processes_that_hold_one_answer_each_answer_for_their_user() {
    let mut outbox = Lines::new(8);
    put_of(&mut outbox, 10, owner(10, 1), 1);
    put_of(&mut outbox, 11, owner(11, 1), 2);
    for raw in 100..106 {
        put_of(&mut outbox, raw, owner(raw, 2), 1);
    }
    let admission = put_of(&mut outbox, 12, owner(12, 1), 3);
    assert!(matches!(admission, SlotGrant::Instead { victim, .. } if victim.get() >= 100), "{admission:?}");
    assert!(matches!(put_of(&mut outbox, 106, owner(106, 2), 9), SlotGrant::Refused { .. }));
}

#[test]
fn of_two_that_hold_the_same_the_one_that_leaves_its_answers_unread_pays() {
    let mut outbox = Lines::new(8);
    leave_unread(&mut outbox, 20, process(20), Instant::now());
    for sequence in 2..=4 {
        put_for(&mut outbox, &newcomer(20, process(20)), sequence, Instant::now());
    }
    for sequence in 5..=8 {
        put(&mut outbox, 30, sequence);
    }
    let admission = put(&mut outbox, 10, 9);
    assert!(matches!(admission, SlotGrant::Instead { victim, .. } if victim == client(20)), "{admission:?}");
}

#[test]
fn threads_of_one_process_have_one_turn_together() {
    let mut outbox = Lines::new(64);
    for raw in 100..120 {
        put_of(&mut outbox, raw, process(99), 1);
    }
    put(&mut outbox, 10, 1);
    put(&mut outbox, 20, 1);
    let first: Vec<i64> = (0..3).map(|_| take(&mut outbox).unwrap().0.get()).collect();
    assert_eq!(first, [100, 10, 20]);
}

#[test]
fn who_reads_has_three_turns_of_four_before_newcomers() {
    let mut outbox = Lines::new(64);
    for raw in 100..110 {
        put_for(&mut outbox, &newcomer(raw, process(raw)), 1, Instant::now());
    }
    for raw in 10..40 {
        put(&mut outbox, raw, 1);
    }
    let turns: Vec<bool> = (0..12).map(|_| take(&mut outbox).unwrap().0.get() < 100).collect();
    assert_eq!(turns.iter().filter(|reads| **reads).count(), 9);
}

const SECONDS: Duration = Duration::from_secs(3);

/// Ten processes of one user hold 22 answers each that they never read, and a reader 30 of the 250 in all.
fn bystanders_and_a_reader(start: Instant) -> Lines {
    let mut outbox = Lines::new(250);
    for raw in 100..110 {
        for sequence in 1..=22 {
            put_for(&mut outbox, &newcomer(raw, process(raw)), sequence, start);
        }
        outbox.note_rests(client(raw), start);
    }
    for sequence in 1..=30 {
        put_for(&mut outbox, &reader(30, process(30)), sequence, start);
    }
    assert!(outbox.is_full());
    outbox
}

#[test]
fn who_has_never_read_an_answer_pays_before_who_has_whoever_holds_the_most() {
    let start = Instant::now();
    for uid in [1000, 2000] {
        let mut outbox = bystanders_and_a_reader(start);
        let mut admissions =
            (31..=60).map(|sequence| put_for(&mut outbox, &reader(30, owner(30, uid)), sequence, start + SECONDS));
        let is_paid =
            |admission: &SlotGrant| matches!(admission, SlotGrant::Instead { victim, .. } if victim.get() >= 100);
        assert_eq!(admissions.find(|admission| !is_paid(admission)), None);
    }
}

#[test]
fn who_has_read_nothing_yet_has_two_seconds_to_begin() {
    let start = Instant::now();
    let mut outbox = bystanders_and_a_reader(start);
    let soon = start + Duration::from_millis(1900);
    let admission = put_for(&mut outbox, &reader(30, process(30)), 31, soon);
    assert_eq!(admission, SlotGrant::Refused { held: 30 });
}

#[test]
fn who_never_read_itself_takes_nothing_from_those_who_never_read_and_hold_less() {
    let start = Instant::now();
    let mut outbox = bystanders_and_a_reader(start);
    for sequence in 1..=30 {
        put_for(&mut outbox, &newcomer(40, process(40)), sequence, start + SECONDS);
    }
    assert!(outbox.held(client(40)) <= 22);
}

#[test]
fn who_is_seen_to_read_while_it_has_a_line_is_a_reader_from_then_on() {
    let start = Instant::now();
    let mut outbox = bystanders_and_a_reader(start);
    let slot = outbox.waiting(client(30))[29];
    outbox.drop_slot(client(30), slot);
    put_for(&mut outbox, &reader(100, process(100)), 23, start);
    assert_eq!(
        outbox.take_next(|standing| standing == Standing::Reader, |_, _| true, start).map(|taken| taken.0),
        Some(client(30))
    );
    assert_eq!(
        outbox.take_next(|standing| standing == Standing::Reader, |_, _| true, start).map(|taken| taken.0),
        Some(client(100))
    );
    for sequence in 31..=400 {
        put_for(&mut outbox, &reader(30, process(30)), sequence, start + SECONDS);
    }
    assert!(outbox.held(client(100)) > 20, "{} are left", outbox.held(client(100)));
}

#[test]
fn who_never_read_keeps_one_answer() {
    let start = Instant::now();
    let mut outbox = bystanders_and_a_reader(start);
    for sequence in 31..=400 {
        put_for(&mut outbox, &reader(30, process(30)), sequence, start + SECONDS);
    }
    assert_eq!(outbox.held(client(30)), 240);
    assert!((100..110).all(|raw| outbox.held(client(raw)) == 1));
}

#[test]
fn an_answer_that_was_never_offered_is_not_left_unread() {
    let start = Instant::now();
    let mut outbox = Lines::new(8);
    for sequence in 1..=4 {
        put_for(&mut outbox, &newcomer(100, process(100)), sequence, start);
    }
    for sequence in 1..=4 {
        put_for(&mut outbox, &reader(30, process(30)), sequence, start);
    }
    let admission = put_for(&mut outbox, &reader(30, process(30)), 5, start + SECONDS);
    assert_eq!(admission, SlotGrant::Refused { held: 4 });
    let (who, slot) = outbox.take_next(|standing| standing == Standing::Newcomer, |_, _| true, start).unwrap();
    outbox.offered(who, slot, start);
    outbox.taken_back(who, slot, 1, start);
    let admission = put_for(&mut outbox, &reader(30, process(30)), 5, start + SECONDS);
    assert!(matches!(admission, SlotGrant::Instead { victim, .. } if victim == client(100)), "{admission:?}");
}

#[test]
fn who_begins_to_read_is_no_longer_one_who_never_read() {
    let start = Instant::now();
    let mut outbox = bystanders_and_a_reader(start);
    for raw in 100..110 {
        let (who, slot) = outbox.take_next(|standing| standing == Standing::Newcomer, |_, _| true, start).unwrap();
        assert_eq!(who, client(raw));
        outbox.offered(who, slot, start);
        outbox.delivered(who, slot);
        put_for(&mut outbox, &newcomer(raw, process(raw)), 23, start + SECONDS);
    }
    assert_eq!(put_for(&mut outbox, &reader(30, process(30)), 31, start + SECONDS), SlotGrant::Refused { held: 30 });
}

#[test]
fn a_user_that_holds_the_most_in_many_processes_takes_nothing_from_a_process_of_another_user() {
    let mut outbox = Lines::new(8);
    let start = Instant::now();
    for sequence in 1..=2 {
        put_for(&mut outbox, &newcomer(10, owner(10, 1)), sequence, start);
    }
    for raw in 100..106 {
        put_for(&mut outbox, &newcomer(raw, owner(raw, 2)), 1, start);
    }
    let admission = put_for(&mut outbox, &newcomer(106, owner(106, 2)), 9, start);
    assert_eq!(admission, SlotGrant::Refused { held: 0 });
}

#[test]
fn one_of_many_clients_that_read_is_served_before_a_process_of_another_user_that_holds_more() {
    let mut outbox = Lines::new(8);
    for sequence in 1..=2 {
        put_of(&mut outbox, 10, owner(10, 1), sequence);
    }
    for raw in 100..106 {
        put_of(&mut outbox, raw, owner(raw, 2), 1);
    }
    let admission = put_of(&mut outbox, 106, owner(106, 2), 9);
    assert!(matches!(admission, SlotGrant::Instead { victim, .. } if victim == client(10)), "{admission:?}");
}

/// What each process and each user holds.
fn holdings(outbox: &Lines) -> (HashMap<ClientOwner, u32>, HashMap<Option<u32>, u32>) {
    let (mut processes, mut users) = (HashMap::new(), HashMap::new());
    for line in outbox.lines.values() {
        *processes.entry(line.owner).or_default() += line.held;
        *users.entry(line.owner.uid).or_default() += line.held;
    }
    (processes, users)
}

#[test]
fn in_random_histories_one_answer_is_lost_to_a_process_that_holds_more_only_by_a_user_that_holds_more() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        u32::try_from(random % below).unwrap()
    };
    let (mut outbox, start) = (Lines::new(24), Instant::now());
    let (mut paid, mut refused) = (0, 0);
    for sequence in 1..100_000_u64 {
        let now = start + Duration::from_millis(10 * sequence);
        let number = 10 + next(30);
        let owner = owner(number.cast_signed(), number % 7 / 3);
        let asker = Asker { has_read: number.is_multiple_of(2), ..reader(number.cast_signed(), owner) };
        if next(4) == 0 {
            outbox.note_rests(asker.client, now);
        }
        if next(40) == 0 {
            outbox.drop_line(asker.client);
            continue;
        }
        let (processes, users) = holdings(&outbox);
        let loser = match put_for(&mut outbox, &asker, sequence, now) {
            SlotGrant::Instead { victim, .. } => processes.keys().find(|owner| owner.process == victim.get()).copied(),
            SlotGrant::Refused { held: 0 } => Some(owner),
            _ => None,
        };
        let Some(loser) = loser else { continue };
        let users_weight = |owner: &ClientOwner| users.get(&owner.uid).copied().unwrap_or(0);
        if processes.get(&loser).is_none_or(|held| *held == 1) {
            if loser == owner {
                refused += 1;
            } else {
                paid += 1;
            }
            let is_more = |(process, held): &(&ClientOwner, &u32)| **held > 1 && **process != loser;
            let of_heavier = processes.iter().filter(is_more).find(|(process, _)| {
                process.uid == loser.uid
                    || users_weight(process) > users_weight(&loser)
                    || (loser == owner && asker.has_read)
            });
            assert_eq!(of_heavier, None, "step {sequence}: {loser:?} {processes:?}");
        }
    }
    assert!(paid > 100 && refused > 100, "{paid} paid, {refused} refused");
}
