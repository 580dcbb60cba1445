//! Which queues are deadlocked, and which only look so.

use super::*;

const SERVER: i32 = 100;
const CLIENT: i32 = 200;
const NOW_S: i64 = 1_000_000;

fn full(last_receive_pid: i32) -> QueueStat {
    QueueStat {
        key: None,
        msqid: 7,
        uid: 0,
        gid: 0,
        cuid: 0,
        cgid: 0,
        mode: 0o660,
        bytes: 16368,
        messages: 62,
        max_bytes: 16384,
        last_send_pid: CLIENT,
        last_receive_pid,
        last_send_time: NOW_S - 10,
        last_receive_time: NOW_S - 10,
        last_change_time: NOW_S - 100,
    }
}

fn waiter(pid: i32, tid: i32, call: WaitingCall) -> Waiter {
    Waiter { pid, tid, uid: 0, command: "program".to_owned(), call, asleep_for: None, others_may_act: false }
}

fn sends(pid: i32, mtype: i64) -> Waiter {
    waiter(pid, pid, WaitingCall::Send { msqid: 7, mtype: Some(mtype), msgsz: 264 })
}

fn receives(pid: i32, msgtyp: i64) -> Waiter {
    waiter(pid, pid, WaitingCall::Receive { msqid: 7, msgtyp: Some(msgtyp), msgsz: 264 })
}

fn resting(types: &[(i64, usize)]) -> Option<BTreeMap<i64, Resting>> {
    let row = |(mtype, messages): &(i64, usize)| (*mtype, Resting { messages: *messages, bytes: messages * 264 });
    Some(types.iter().map(row).collect())
}

fn judge(queue: &QueueStat, waiters: &[Waiter], types: &[(i64, usize)]) -> Option<Deadlock> {
    deadlock(queue, waiters, NOW_S, || resting(types))
}

#[test]
fn a_server_that_waits_for_room_in_its_own_full_queue_is_deadlocked_with_its_clients() {
    let waiters = [sends(SERVER, 201), sends(CLIENT, 1), receives(201, 201)];
    let found = judge(&full(SERVER), &waiters, &[(1, 62)]).unwrap();
    assert_eq!((found.server.pid, found.senders.len()), (SERVER, 1));
    assert_eq!(found.spare, Some(Spare { mtype: 1, messages: 2, of: 62 }), "room for both that wait");
}

#[test]
fn a_server_whose_clients_are_gone_needs_room_for_itself_alone() {
    let found = judge(&full(SERVER), &[sends(SERVER, 201)], &[(1, 32), (202, 30)]).unwrap();
    assert!(found.senders.is_empty());
    assert_eq!(found.spare, Some(Spare { mtype: 1, messages: 1, of: 32 }));
}

#[test]
fn the_kernel_may_name_the_thread_that_took_the_last_message() {
    let call = WaitingCall::Send { msqid: 7, mtype: Some(201), msgsz: 264 };
    let waiters = [waiter(SERVER, SERVER + 1, call)];
    assert!(judge(&full(SERVER + 1), &waiters, &[(1, 62)]).is_some());
    assert!(judge(&full(SERVER), &waiters, &[(1, 62)]).is_some());
}

#[test]
fn a_server_that_waits_to_receive_with_another_thread_takes_messages_too() {
    let call = WaitingCall::Send { msqid: 7, mtype: Some(201), msgsz: 264 };
    let waiters = [receives(SERVER, 1), waiter(SERVER, SERVER + 1, call)];
    assert!(judge(&full(999), &waiters, &[(202, 40), (203, 22)]).is_some());
}

#[test]
fn clients_that_wait_while_their_server_is_busy_are_no_deadlock() {
    assert_eq!(judge(&full(SERVER), &[sends(CLIENT, 1), sends(201, 1)], &[(1, 62)]), None);
}

#[test]
fn a_client_that_took_its_answer_last_is_not_taken_for_the_server() {
    assert_eq!(judge(&full(CLIENT), &[sends(CLIENT, 1), sends(201, 1)], &[(1, 61), (300, 1)]), None);
    assert_eq!(judge(&full(CLIENT), &[sends(CLIENT, 1)], &[(1, 61), (300, 1)]), None);
}

#[test]
fn a_server_with_a_thread_that_may_act_is_not_given_up() {
    let mut server = sends(SERVER, 201);
    server.others_may_act = true;
    assert_eq!(judge(&full(SERVER), &[server], &[(1, 62)]), None);
}

#[test]
fn a_queue_that_moved_just_now_is_not_judged_and_not_looked_into() {
    let mut queue = full(SERVER);
    queue.last_send_time = NOW_S - 1;
    let found = deadlock(&queue, &[sends(SERVER, 201)], NOW_S, || panic!("nobody should have looked"));
    assert_eq!(found, None);
}

#[test]
fn without_a_look_at_the_messages_there_is_no_verdict() {
    assert_eq!(deadlock(&full(SERVER), &[sends(SERVER, 201)], NOW_S, || None), None);
}

#[test]
fn of_empty_messages_as_many_leave_as_wait() {
    let queue = QueueStat { bytes: 0, messages: 16384, ..full(SERVER) };
    let empty = |pid, mtype| waiter(pid, pid, WaitingCall::Send { msqid: 7, mtype: Some(mtype), msgsz: 0 });
    let types = || Some(BTreeMap::from([(1, Resting { messages: 16384, bytes: 0 })]));
    let found = deadlock(&queue, &[empty(SERVER, 201), empty(CLIENT, 1)], NOW_S, types).unwrap();
    assert_eq!(found.spare.map(|spare| spare.messages), Some(2));
}
