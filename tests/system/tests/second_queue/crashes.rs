//! SIGKILL at each step of the way of a request, where answers have a queue of their own.

use super::under_load::{KILL_AT, assert_nothing_was_lost, builder, chaos, kill_under_load, wait_for_the_end};
use super::{FEW, Messages, Process};

#[test]
fn killed_on_the_way_of_a_request_to_its_client() {
    for messages in Messages::TWO_QUEUES {
        for place in ["received", "handling", "answered", "sending", "sent"] {
            kill_under_load(messages, builder(messages), (place, 1), 5);
            kill_under_load(messages, builder(messages).workers(3), (place, 100), 64);
        }
    }
}

/// Clients that do not read fill the queue of answers, or nothing would have to wait.
fn killed_on_the_way_through_the_outbox(messages: Messages) {
    for place in ["posting:100", "courier-sending:100", "courier-sent:100", "taking-back:3", "adopting:3"] {
        let small = builder(messages).workers(3).second_queue_with(FEW);
        let killed = small.env(KILL_AT, place).start();
        let never_read = || Process::start(&mut messages.client("hostile", killed.key(), &["never_read", "500"]));
        let _silent = [never_read(), never_read(), never_read()];
        let load = chaos(messages, killed.key(), 64);
        let next = wait_for_the_end(killed).start();
        assert_nothing_was_lost(load, &next);
        next.stop();
    }
}

#[test]
fn killed_on_the_way_through_the_outbox_of_plain_messages() {
    killed_on_the_way_through_the_outbox(Messages::PlainInTwoQueues);
}

#[test]
fn killed_on_the_way_through_the_outbox_of_messages_by_type() {
    killed_on_the_way_through_the_outbox(Messages::ByTypeInTwoQueues);
}
