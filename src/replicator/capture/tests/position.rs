use crate::capture::{PositionError, StartPosition, StopPosition};
use crate::model::{Lsn, Transaction};

#[test]
fn positions_have_the_form_of_postgresql() {
    for text in ["0/0", "4AF/B00000D0", "FFFFFFFF/FFFFFFFF"] {
        assert_eq!(text.parse::<Lsn>().map(|lsn| lsn.to_string()), Ok(text.to_owned()));
    }
    assert_eq!("000004af/b00000d0".parse(), Ok(Lsn(0x4AF_B000_00D0)));
    for text in ["", "/", "1/", "/1", "1", "1/2/3", "1/+2", "100000000/0", "x/1"] {
        assert!(text.parse::<Lsn>().is_err(), "{text}");
    }
}

#[test]
fn a_native_start_needs_a_slot_and_a_position() {
    let lsn = Lsn(0x4AF_B000_00D0);
    let native = StartPosition::Native { slot: "s".to_owned(), lsn };
    assert_eq!(StartPosition::new(Some("4AF/B00000D0"), false, Some("s")), Ok(native.clone()));
    let checkpoint = "checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0";
    assert_eq!(StartPosition::new(Some(checkpoint), false, Some("s")), Ok(native));
    assert_eq!(StartPosition::new(None, false, None), Ok(StartPosition::Now));
    let missing = PositionError::PositionMissing { slot: "s".to_owned() };
    assert_eq!(StartPosition::new(None, false, Some("s")), Err(missing));
    assert_eq!(StartPosition::new(Some("4AF/B00000D0"), false, None), Err(PositionError::SlotMissing { lsn }));
    assert_eq!(StartPosition::new(None, true, Some("s")), Err(PositionError::StartTime));
    assert!(matches!(StartPosition::new(Some("checkpoint:V1"), false, Some("s")), Err(PositionError::Start(..))));
}

#[test]
fn a_stop_is_a_time_of_the_server_or_of_a_commit() {
    let time = 1_518_178_332_000_000;
    assert_eq!(StopPosition::parse("server_time:2018-02-09T12:12:12"), Ok(StopPosition::ServerTime(time)));
    let stop = StopPosition::parse("commit_time: 2018-02-09T12:12:12").expect("a stop position");
    assert_eq!(stop, StopPosition::CommitTime(time));
    let at = |committed_at| Transaction { xid: 1, commit_lsn: Lsn(1), committed_at, changes: Vec::new() };
    assert!(!stop.stops_before(&at(time), i64::MAX));
    assert!(stop.stops_before(&at(time + 1), 0));
    assert!(StopPosition::ServerTime(time).stops_before(&at(0), time));
    for text in ["", "now", "server_time:tomorrow", "local_time:2018-02-09T12:12:12"] {
        assert!(StopPosition::parse(text).is_err(), "{text}");
    }
}
