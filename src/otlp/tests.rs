use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use infra_base::address::Address;
use infra_core::events::Event;
use opentelemetry::Context;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;

use super::run::Run;
use super::trace::{Trace, TraceError, provide_cryptography};

/// A collector that answers every request with this status. Returns its address, and what it gets.
fn collector(status: u16) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            reader.into_inner().write_all(answer.as_bytes()).expect("an answer");
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}/v1/traces"), receiver)
}

fn trace(endpoint: &str) -> Trace {
    provide_cryptography();
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build().expect("an exporter");
    let run = Run {
        id: "run-1".to_owned(),
        command: "up".to_owned(),
        stack: "payments/dev".to_owned(),
        version: "1.0.0",
        began: SystemTime::UNIX_EPOCH + Duration::from_hours(500_000),
    };
    Trace::with(SdkTracerProvider::builder().with_batch_exporter(exporter).build(), &run, &Context::new())
}

fn spans(received: &Receiver<Vec<u8>>) -> BTreeMap<String, Span> {
    let requests = received.try_iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).expect("a request"));
    let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(|span| (span.name.clone(), span)).collect()
}

#[test]
fn a_run_has_steps_and_steps_have_calls() {
    let (endpoint, received) = collector(200);
    let mut trace = trace(&endpoint);
    let seconds = Duration::from_secs;
    let (vpc, subnet) = ("source/network/vpc", "source/network/subnet");
    let started = |address: &str| Event::StepStarted { address: Address::new(address), action: "create" };
    trace.event(&started(vpc), seconds(1));
    let call = |code: Option<&str>| Event::Call {
        address: Address::new(vpc),
        call: "ec2:CreateVpc",
        millis: 250,
        code: code.map(str::to_owned),
        request_id: Some("id".to_owned()),
    };
    trace.event(&call(None), seconds(2));
    let done = Event::StepDone {
        address: Address::new(vpc),
        action: "create",
        id: "vpc-1".to_owned(),
        seconds: 2.0,
        corrected: None,
    };
    trace.event(&done, seconds(3));
    trace.event(&started(subnet), seconds(3));
    trace.end(seconds(4), 130, Some("stopped")).expect("it is sent");

    let spans = spans(&received);
    let names: Vec<&str> = spans.keys().map(String::as_str).collect();
    let (step, interrupted) = (format!("create {vpc}"), format!("create {subnet}"));
    assert_eq!(names, [&interrupted, &step, "ec2:CreateVpc", "up"]);
    assert_eq!(spans[&step].parent_span_id, spans["up"].span_id);
    assert_eq!(spans["ec2:CreateVpc"].parent_span_id, spans[&step].span_id);
    let took = |name: &str| spans[name].end_time_unix_nano - spans[name].start_time_unix_nano;
    assert_eq!([took("up"), took(&step), took("ec2:CreateVpc")], [4_000_000_000, 2_000_000_000, 250_000_000]);
    let failed = |name: &str| spans[name].status.as_ref().map(|status| status.message.as_str());
    assert_eq!([failed("up"), failed(&interrupted)], [Some("stopped"), Some("interrupted")]);
    assert!(failed(&step).is_none_or(str::is_empty), "{:?}", spans[&step].status);
}

#[test]
fn a_cutover_has_phases() {
    let (endpoint, received) = collector(200);
    let mut trace = trace(&endpoint);
    let phase =
        |phase| Event::Cutover { phase, live: 5, intended: 5, seconds: 0, until: None, step: 1, steps: 4, why: None };
    trace.event(&phase("soaking"), Duration::from_secs(1));
    trace.event(&phase("soaking"), Duration::from_secs(2));
    trace.event(&phase("shifting"), Duration::from_secs(61));
    trace.end(Duration::from_secs(70), 0, None).expect("it is sent");
    let spans = spans(&received);
    let soaking = &spans["cutover soaking"];
    assert_eq!(soaking.end_time_unix_nano - soaking.start_time_unix_nano, 60_000_000_000);
    assert_eq!(spans["cutover shifting"].parent_span_id, spans["up"].span_id);
}

#[test]
fn a_collector_that_refuses_is_an_error() {
    let (endpoint, _received) = collector(400);
    let refused = trace(&endpoint).end(Duration::from_secs(1), 0, None);
    assert!(matches!(refused, Err(TraceError::Collector(_))), "{refused:?}");
}
