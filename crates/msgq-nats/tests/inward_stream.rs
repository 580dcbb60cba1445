//! Routes in that consume a stream: what is handled how often, while programs are killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use common::wait_until;
use msgq_core::queue::QueueSettings;
use queues::{Mail, eventually, number, serve};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn messages_of_a_stream_come_into_the_queue_once_and_in_their_order() {
    let Some(mail) = Mail::start("messages_of_a_stream_come_into_the_queue_once_and_in_their_order") else { return };
    mail.publish(0..50);
    mail.serve(Duration::ZERO);
    let mut gateway = mail.gateway();
    mail.publish(50..300);
    assert_eq!(mail.again(0..300), 0);
    assert!(mail.taken().is_sorted());
    let (_, metrics) = gateway.run(&["metrics"]);
    assert!(metrics.contains("consumed_total{route=\"lines\"} 300"), "{metrics}");
    gateway.terminate();
    gateway.await_end();
}

#[test]
fn each_kill_of_the_gateway_repeats_one_message_at_most_and_loses_none() {
    let Some(mail) = Mail::start("each_kill_of_the_gateway_repeats_one_message_at_most_and_loses_none") else { return };
    const KILLS: u32 = 6;
    mail.serve(Duration::from_micros(300));
    mail.publish(0..1500);
    let mut gateway = mail.gateway();
    for kill in 1..=KILLS {
        let before = mail.taken().len();
        wait_until("some more were taken", || mail.taken().len() > before + 40 + 13 * kill as usize);
        gateway.kill_and_restart();
    }
    let again = mail.again(0..1500);
    println!("{again} of 1500 messages were handled twice over {KILLS} kills");
    assert!(again <= KILLS as usize, "{again} over {KILLS} kills");
    mail.is_in_order();
}

#[test]
fn a_server_of_nats_that_is_killed_repeats_no_message() {
    let Some(mut mail) = Mail::start("a_server_of_nats_that_is_killed_repeats_no_message") else { return };
    mail.serve(Duration::from_micros(300));
    mail.publish(0..1500);
    let gateway = mail.gateway();
    for _ in 0..4 {
        let before = mail.taken().len();
        assert!(eventually(|| mail.taken().len() > before + 100), "it stands still: {}", mail.state());
        mail.nats.restart();
    }
    assert_eq!(mail.again(0..1500), 0);
    mail.is_in_order();
    let (_, metrics) = gateway.run(&["metrics"]);
    let duplicates = metrics.lines().find(|line| line.starts_with("msgq_nats_duplicates_total"));
    let lost = gateway.log().matches("told again").count();
    println!("after 4 kills: {duplicates:?}, and {lost} acknowledgements that were lost for good");
}

#[test]
fn messages_wait_for_room_in_a_full_queue_however_long_that_takes() {
    let Some(mail) = Mail::start("messages_wait_for_room_in_a_full_queue_however_long_that_takes") else { return };
    let queue = mail.key.create();
    queue.set(&QueueSettings { max_bytes: Some(60), ..QueueSettings::default() }).unwrap();
    mail.publish(0..20);
    let gateway = mail.gateway();
    wait_until("a message waits", || gateway.log().contains("waits: the queue is full"));
    // Longer than a server of NATS waits for a word before it gives the message out again.
    std::thread::sleep(Duration::from_secs(5));
    let taken = Arc::clone(&mail.taken);
    serve(queue, move |body| {
        taken.lock().unwrap().push(number(body));
        None
    });
    assert_eq!(mail.again(0..20), 0);
    assert!(mail.taken().is_sorted());
    let consumer = mail.runtime.block_on(mail.stream().consumer_info("lines")).unwrap();
    assert_eq!(consumer.delivered.consumer_sequence, 20, "none had to be given out twice: {consumer:?}");
}

#[test]
fn messages_wait_for_a_queue_that_is_not_there_and_a_stop_leaves_them_in_the_stream() {
    let test = "messages_wait_for_a_queue_that_is_not_there_and_a_stop_leaves_them_in_the_stream";
    let Some(mail) = Mail::start(test) else { return };
    mail.publish(0..5);
    let mut gateway = mail.gateway();
    wait_until("a message waits", || gateway.log().contains("waits: there is no queue"));
    gateway.terminate();
    gateway.await_end();
    assert_eq!(mail.rest(), 5);
    let gateway = mail.gateway();
    wait_until("a message waits", || gateway.log().contains("waits: there is no queue"));
    mail.serve(Duration::ZERO);
    assert_eq!(mail.again(0..5), 0);
    mail.key.remove();
    mail.publish(5..8);
    mail.serve(Duration::ZERO);
    assert_eq!(mail.again(0..8), 0);
    assert!(mail.taken().is_sorted());
}

#[test]
fn a_message_that_no_queue_can_take_stops_the_route_until_it_is_removed() {
    let Some(mail) = Mail::start("a_message_that_no_queue_can_take_stops_the_route_until_it_is_removed") else {
        return;
    };
    mail.serve(Duration::ZERO);
    mail.publish(0..2);
    let bad = "x".repeat(100_000);
    mail.runtime.block_on(async {
        mail.jetstream().await.publish("lines.bad", bad.into()).await.unwrap().await.unwrap();
    });
    mail.publish(2..4);
    let gateway = mail.gateway();
    let words = "message 3 of stream LINES (subject lines.bad) cannot be put into the queue: ";
    wait_until("it is told", || gateway.log().contains(words));
    assert!(gateway.log().contains("nats stream rmm LINES 3"), "{}", gateway.log());
    assert_eq!(mail.taken(), [0, 1]);
    mail.runtime.block_on(mail.stream().delete_message(3)).unwrap();
    assert_eq!(mail.again(0..4), 0);
}

#[test]
fn a_consumer_that_is_no_good_and_a_stream_that_is_missing_are_named() {
    let Some(mail) = Mail::start("a_consumer_that_is_no_good_and_a_stream_that_is_missing_are_named") else { return };
    mail.serve(Duration::ZERO);
    let wrong = pull::Config {
        durable_name: Some("lines".to_owned()),
        filter_subject: "lines.other".to_owned(),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    mail.runtime.block_on(mail.stream().create_consumer(wrong)).unwrap();
    mail.publish(0..1);
    let gateway = mail.gateway();
    wait_until("it is told", || gateway.log().contains("takes subject lines.other, and the route lines.*"));
    mail.runtime.block_on(mail.stream().delete_consumer("lines")).unwrap();
    assert_eq!(mail.again(0..1), 0);
    mail.runtime.block_on(async { mail.jetstream().await.delete_stream("LINES").await }).unwrap();
    wait_until("it is told", || gateway.log().contains("there is no stream LINES"));
}
