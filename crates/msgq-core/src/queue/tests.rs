use super::*;
use crate::scratch::ScratchQueue;
use nix::errno::Errno;
use std::time::Duration;

#[test]
fn what_was_sent_is_received_with_its_type_and_length() {
    let scratch = ScratchQueue::new();
    let mut buffer = MessageBuffer::new();
    scratch.try_send(7, b"a longer body").unwrap();
    scratch.try_send(8, b"short").unwrap();
    scratch.receive(7, &mut buffer).unwrap();
    assert_eq!((buffer.mtype(), buffer.body()), (7, b"a longer body".as_slice()));
    assert!(scratch.try_receive(0, &mut buffer).unwrap());
    assert_eq!((buffer.mtype(), buffer.body()), (8, b"short".as_slice()));
    assert!(!scratch.try_receive(0, &mut buffer).unwrap());
    assert_eq!(buffer.body(), b"");
}

#[test]
fn peek_leaves_everything_where_it_is() {
    let scratch = ScratchQueue::new();
    let mut buffer = MessageBuffer::new();
    for text in [b"one", b"two"] {
        scratch.try_send(5, text).unwrap();
    }
    assert!(scratch.peek(1, &mut buffer).unwrap());
    assert_eq!(buffer.body(), b"two");
    assert!(!scratch.peek(2, &mut buffer).unwrap());
    assert_eq!(scratch.stat().unwrap().messages, 2);
    assert_eq!(scratch.stat().unwrap().last_receive_pid, 0);
}

#[test]
fn rests_sees_a_message_without_taking_it() {
    let scratch = ScratchQueue::new();
    assert!(!scratch.has_message(9).unwrap());
    scratch.try_send(9, b"x").unwrap();
    assert!(scratch.has_message(9).unwrap());
    assert!(!scratch.has_message(10).unwrap());
    let stat = scratch.stat().unwrap();
    assert_eq!((stat.messages, stat.last_receive_pid), (1, 0));
}

#[test]
fn a_full_queue_answers_eagain_and_names_the_limit() {
    let scratch = ScratchQueue::new();
    let error = (0..100_000).find_map(|_| scratch.try_send(2, &[0; 264]).err()).unwrap();
    assert_eq!(error.errno(), Errno::EAGAIN);
    assert!(error.to_string().contains("msg_qbytes"), "{error}");
    assert!(error.to_string().contains(&scratch.key().unwrap().to_string()), "{error}");
}

#[test]
fn a_removed_queue_is_gone_for_every_call() {
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    queue.remove().unwrap();
    let mut buffer = MessageBuffer::new();
    assert!(queue.stat().unwrap_err().is_gone());
    assert!(queue.has_message(1).unwrap_err().is_gone());
    assert!(queue.receive(1, &mut buffer).unwrap_err().is_gone());
    assert!(Queue::open(queue.key().unwrap()).unwrap_err().is_gone());
}

#[test]
fn set_changes_mode_and_size_and_leaves_the_rest() {
    let scratch = ScratchQueue::new();
    let before = scratch.stat().unwrap();
    scratch.set(&QueueSettings { mode: Some(0o640), max_bytes: Some(4096), ..QueueSettings::default() }).unwrap();
    let after = scratch.stat().unwrap();
    assert_eq!((after.mode, after.max_bytes, after.uid, after.gid), (0o640, 4096, before.uid, before.gid));
}

#[test]
fn the_key_is_the_one_that_the_c_library_makes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = "import ctypes,sys; print(ctypes.CDLL(None).ftok(sys.argv[1].encode(), 65))";
    let python = std::process::Command::new("python3").args(["-c", program]).arg(file.path()).output().unwrap();
    let expected: i32 = String::from_utf8(python.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(QueueKey::from_path(file.path(), 65).unwrap().raw(), expected);
}

#[test]
fn keys_are_read_in_decimal_and_hexadecimal_and_zero_is_refused() {
    assert_eq!("0x12345678".parse(), Ok(QueueKey::DEFAULT));
    assert_eq!("305419896".parse(), Ok(QueueKey::DEFAULT));
    assert_eq!("0xffffffff".parse::<QueueKey>().unwrap().raw(), -1);
    assert_eq!("-1".parse::<QueueKey>().unwrap().raw(), -1);
    assert_eq!(QueueKey::new(-1).unwrap().to_string(), "0xffffffff");
    for bad in ["0", "0x0", "", "0x", "12x", "4294967296", "0x+1"] {
        assert!(bad.parse::<QueueKey>().is_err(), "{bad}");
    }
}

#[test]
fn a_look_at_all_messages_takes_none_and_says_why_it_ended() {
    let scratch = ScratchQueue::new();
    for mtype in 2..7 {
        scratch.try_send(mtype, b"x").unwrap();
    }
    let mut buffer = MessageBuffer::new();
    let mut looked = |limits| {
        let mut browse = Browse::new(*scratch, limits, &mut buffer);
        let mut seen = Vec::new();
        while let Some((index, message)) = browse.next_message() {
            seen.push((index, message.mtype()));
        }
        (seen.len(), seen.last().copied(), browse.end().unwrap())
    };
    let limits = BrowseLimits::default();
    assert_eq!(looked(limits), (5, Some((4, 6)), BrowseEnd::AllSeen));
    assert_eq!(looked(BrowseLimits { messages: 3, ..limits }), (3, Some((2, 4)), BrowseEnd::MessageLimit));
    assert_eq!(looked(BrowseLimits { time: Duration::ZERO, ..limits }), (1, Some((0, 2)), BrowseEnd::TimeLimit));
    assert_eq!(scratch.stat().unwrap().messages, 5);
    scratch.remove().unwrap();
    assert!(matches!(looked(limits), (0, None, BrowseEnd::Failed(error)) if error.is_gone()));
}

#[test]
fn type_and_body_are_put_together_and_taken_apart() {
    let message = framed(7, b"body");
    assert_eq!(split_framed(&message), Some((7, &b"body"[..])));
    assert_eq!(frame_into(&mut [9; 20], 7, b"body"), message);
    assert_eq!(frame_into(&mut [9; 11], 7, b"body"), b"");
    assert_eq!(split_framed(&message[..7]), None);
}

#[test]
fn what_everybody_may_see_of_a_queue_is_what_its_users_see() {
    let (queue, private) = (ScratchQueue::new(), Queue::create_private(0).unwrap());
    queue.try_send(7, b"seven").unwrap();
    let every = stat_of_every_queue().unwrap();
    let listed = |queue: &Queue| every.iter().find(|it| it.msqid == queue.id()).copied();
    assert_eq!(listed(&queue), Some(queue.stat().unwrap()));
    assert_eq!(queue.stat_of_any(), queue.stat());
    let found = listed(&private).unwrap();
    assert_eq!((found.key, found.mode, found.max_bytes > 0), (None, 0, true));
    private.remove().unwrap();
    assert!(private.stat_of_any().unwrap_err().is_gone());
}
