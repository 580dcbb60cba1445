use super::serving::response;
use super::*;

#[test]
fn each_counter_of_a_route_is_shown_from_the_start() {
    let text = Metrics::new([("a", Direction::Out), ("b", Direction::In)]).render();
    for line in [
        "msgq_nats_connected 0",
        "msgq_nats_reconnects_total 0",
        r#"msgq_nats_route_requests_total{route="a",direction="out"} 0"#,
        r#"msgq_nats_route_requests_total{route="b",direction="in"} 0"#,
        r#"msgq_nats_route_outcomes_total{route="a",outcome="no_responders"} 0"#,
        r#"msgq_nats_in_flight{route="b"} 0"#,
        r#"msgq_nats_route_seconds_count{route="a"} 0"#,
        r#"msgq_nats_published_total{route="a"} 0"#,
        r#"msgq_nats_consumed_total{route="b"} 0"#,
        r#"msgq_nats_duplicates_total{route="b"} 0"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(r#"published_total{route="b"}"#), "{text}");
}

#[test]
fn a_request_counts_once_and_has_one_outcome_also_when_it_is_dropped() {
    let metrics = Metrics::new([("a", Direction::Out)]);
    metrics.set_connected(true);
    metrics.count_reconnect();
    let route = metrics.route("a");
    route.begin().end(Outcome::Answered);
    route.begin().end(Outcome::NotRun);
    drop(route.begin());
    let held = route.begin();
    route.count_published(false);
    route.count_published(true);
    let text = metrics.render();
    for line in [
        "msgq_nats_connected 1",
        "msgq_nats_reconnects_total 1",
        r#"msgq_nats_route_requests_total{route="a",direction="out"} 4"#,
        r#"msgq_nats_route_outcomes_total{route="a",outcome="answered"} 1"#,
        r#"msgq_nats_route_outcomes_total{route="a",outcome="not_run"} 1"#,
        r#"msgq_nats_route_outcomes_total{route="a",outcome="unknown"} 1"#,
        r#"msgq_nats_in_flight{route="a"} 1"#,
        r#"msgq_nats_route_seconds_count{route="a"} 3"#,
        r#"msgq_nats_published_total{route="a"} 1"#,
        r#"msgq_nats_duplicates_total{route="a"} 1"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    held.end(Outcome::Failed);
    assert!(metrics.render().contains(r#"in_flight{route="a"} 0"#));
}

#[test]
fn counters_of_a_route_that_is_not_there_are_shown_nowhere() {
    let metrics = Metrics::default();
    metrics.route("x").begin().end(Outcome::Answered);
    assert!(!metrics.render().contains('{'), "{}", metrics.render());
}

#[test]
fn every_get_has_the_metrics_and_nothing_else_has_them() {
    let got = response(b"GET /anything HTTP/1.1\r\nHost: x\r\n\r\n", || "text\n".to_owned());
    assert!(
        got.starts_with("HTTP/1.1 200 OK\r\n")
            && got.ends_with("\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntext\n")
    );
    for head in ["POST /metrics HTTP/1.1\r\n\r\n", "\r\n\r\n", "GETX / HTTP/1.1\r\n\r\n"] {
        let refused = response(head.as_bytes(), || panic!("nobody may render"));
        assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    }
}
