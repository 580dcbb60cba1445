//! Plain programs of NATS, made with the client library that the gateway is made with.
//!
//! ```text
//! plain_nats respond URL SUBJECT                      answers "Processed: TEXT"; says "ready" first
//! plain_nats request URL SUBJECT AT_A_TIME COUNT      prints requests a second and the 99th percentile in microseconds
//! plain_nats flood URL SUBJECT BYTES COUNT            publishes without waiting for anybody
//! plain_nats stream URL NAME SUBJECT REPLICAS         makes a work queue
//! plain_nats put URL SUBJECT TEXT                     publishes into a stream, and waits for the acknowledgement
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helper: a panic is its report")]

use async_nats::jetstream::{self, stream};
use async_nats::{Client, connect};
use futures_util::StreamExt;
use futures_util::future::join_all;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["respond" | "request" | "flood" | "stream" | "put", url, ..] = words[..] else { panic!("see the source") };
    let client = connect(url).await.unwrap();
    match words[..] {
        ["respond", _, subject] => respond(&client, subject).await,
        ["request", _, subject, at_a_time, count] => {
            request(&client, subject, at_a_time.parse().unwrap(), count.parse().unwrap()).await;
        }
        ["flood", _, subject, bytes, count] => {
            flood(&client, subject, bytes.parse().unwrap(), count.parse().unwrap()).await;
        }
        ["stream", _, name, subject, replicas] => make_stream(client, name, subject, replicas.parse().unwrap()).await,
        ["put", _, subject, text] => {
            let context = jetstream::new(client);
            context.publish(subject.to_owned(), text.to_owned().into()).await.unwrap().await.unwrap();
        }
        _ => panic!("see the source"),
    }
}

async fn respond(client: &Client, subject: &str) {
    let mut requests = client.subscribe(subject.to_owned()).await.unwrap();
    client.flush().await.unwrap();
    println!("ready");
    while let Some(request) = requests.next().await {
        let answer = [b"Processed: ", &request.payload[..]].concat();
        client.publish(request.reply.unwrap(), answer.into()).await.unwrap();
    }
}

async fn request(client: &Client, subject: &str, at_a_time: usize, count: usize) {
    let begin = Instant::now();
    let each = count / at_a_time;
    let all = (0..at_a_time)
        .map(|number| tokio::spawn(one_after_the_other(client.clone(), subject.to_owned(), number, each)));
    let mut times: Vec<Duration> = join_all(all).await.into_iter().flat_map(Result::unwrap).collect();
    let took = begin.elapsed();
    times.sort_unstable();
    let rate = times.len() as u128 * 1_000_000 / took.as_micros().max(1);
    println!("{rate} {}", times[times.len() * 99 / 100].as_micros());
}

async fn one_after_the_other(client: Client, subject: String, number: usize, count: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for i in 1..=count {
        let (text, begin) = (format!("{number}-{i}"), Instant::now());
        let answer = client.request(subject.clone(), text.clone().into()).await.unwrap();
        times.push(begin.elapsed());
        assert_eq!(answer.payload, format!("Processed: {text}"));
    }
    times
}

async fn flood(client: &Client, subject: &str, bytes: usize, count: usize) {
    for _ in 0..count {
        client.publish(subject.to_owned(), vec![b'x'; bytes].into()).await.unwrap();
    }
    client.flush().await.unwrap();
}

async fn make_stream(client: Client, name: &str, subject: &str, replicas: usize) {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        num_replicas: replicas,
        duplicate_window: Duration::from_secs(120),
        ..stream::Config::default()
    };
    let context = jetstream::new(client);
    // A cluster that has just come together may say for a moment that it has no room.
    for _ in 0..50 {
        match context.create_stream(config.clone()).await {
            Ok(_) => return,
            Err(error) => eprintln!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the stream cannot be made");
}
