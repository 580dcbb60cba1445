//! A consumer whose message is in nobody's hand, as a killed server of NATS may leave it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message};
use common::wait_until;
use futures_util::StreamExt;
use msgq_core::queue::QueueSettings;
use queues::{Mail, number, serve};
use std::sync::Arc;
use std::time::Duration;

/// Longer than the gateway looks before it does anything.
const LONG: Duration = Duration::from_secs(25);

impl Mail {
    /// Takes a message, and has the server believe that it is in hand. Nobody waits for more.
    fn hold_one(&self) {
        let message = self.runtime.block_on(async {
            let consumer: PullConsumer =
                self.jetstream().await.get_stream("LINES").await.unwrap().get_consumer("lines").await.unwrap();
            let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
            batch.next().await.expect("there is a message").unwrap()
        });
        self.runtime.spawn(keeps(message));
    }

    fn gateway_has_made_its_consumer(&self) {
        let mut gateway = self.gateway();
        wait_until("there is a consumer", || self.runtime.block_on(self.stream().consumer_info("lines")).is_ok());
        gateway.terminate();
        gateway.await_end();
    }
}

async fn keeps(message: Message) {
    while message.ack_with(AckKind::Progress).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn a_consumer_whose_message_is_in_nobody_s_hand_is_made_anew_and_nothing_is_lost() {
    let test = "a_consumer_whose_message_is_in_nobody_s_hand_is_made_anew_and_nothing_is_lost";
    let Some(mail) = Mail::start(test) else { return };
    mail.gateway_has_made_its_consumer();
    mail.publish(0..3);
    mail.hold_one();
    mail.serve(Duration::ZERO);
    let gateway = mail.gateway();
    wait_until("it is told", || gateway.log().contains("it was removed and is made anew"));
    assert_eq!(mail.again(0..3), 0);
    assert!(mail.taken().is_sorted());
    mail.publish(3..30);
    assert_eq!(mail.again(0..30), 0);
}

#[test]
fn a_consumer_that_somebody_else_made_is_left_and_the_command_that_helps_is_named() {
    let test = "a_consumer_that_somebody_else_made_is_left_and_the_command_that_helps_is_named";
    let Some(mail) = Mail::start(test) else { return };
    let theirs = pull::Config {
        durable_name: Some("lines".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(3),
        max_ack_pending: 1,
        ..pull::Config::default()
    };
    mail.runtime.block_on(mail.stream().create_consumer(theirs)).unwrap();
    mail.publish(0..3);
    mail.hold_one();
    mail.serve(Duration::ZERO);
    let gateway = mail.gateway();
    wait_until("it is told", || gateway.log().contains("stands still: consumer lines of stream LINES"));
    assert!(gateway.log().contains("nats consumer rm LINES lines"), "{}", gateway.log());
    assert!(mail.taken().is_empty(), "{:?}", mail.taken());
    mail.runtime.block_on(mail.stream().delete_consumer("lines")).unwrap();
    assert_eq!(mail.again(0..3), 0);
}

#[test]
fn a_message_that_another_gateway_has_in_hand_for_long_is_left_to_it() {
    let Some(mail) = Mail::start("a_message_that_another_gateway_has_in_hand_for_long_is_left_to_it") else { return };
    let queue = mail.key.create();
    queue.set(&QueueSettings { max_bytes: Some(60), ..QueueSettings::default() }).unwrap();
    let (one, other) = (mail.gateway(), mail.gateway());
    mail.publish(0..20);
    let waits = || [&one, &other].iter().filter(|gateway| gateway.log().contains("waits: the queue is full")).count();
    wait_until("a message waits", || waits() == 1);
    std::thread::sleep(LONG);
    assert_eq!(waits(), 1);
    let taken = Arc::clone(&mail.taken);
    serve(queue, move |body| {
        taken.lock().unwrap().push(number(body));
        None
    });
    assert_eq!(mail.again(0..20), 0);
    let consumer = mail.runtime.block_on(mail.stream().consumer_info("lines")).unwrap();
    assert_eq!(consumer.delivered.consumer_sequence, 20, "none had to be given out twice: {consumer:?}");
}
