use crate::capture::{Assembler, CaptureError};
use crate::model::{Change, Lsn, TableName};

const COMMIT: &str = "COMMIT 7 (at 2026-01-02 03:04:05+00)";

#[test]
fn changes_of_other_tables_are_dropped_but_their_transaction_moves_the_position() {
    let captured = |table: &TableName| table.name != "other";
    let mut assembler = Assembler::new(&captured);
    for line in [
        "BEGIN 7",
        "table public.other: INSERT: id[integer]:1",
        "table public.awsdms_heartbeat: UPDATE: id[integer]:1",
        "message: transactional: 1 prefix: p, sz: 0 content:",
        "table public.other, public.mine: TRUNCATE: (no-flags)",
        "table public.other, public.awsdms_ddl_audit: TRUNCATE: (no-flags)",
        COMMIT,
    ] {
        assembler.add(Lsn(9), line).expect("the line is understood");
    }
    let batch = assembler.finish();
    assert_eq!(batch.position(), Some(Lsn(9)));
    assert_eq!(batch.transactions[0].changes, [Change::Truncate { tables: vec![TableName::new("public", "mine")] }]);
}

#[test]
fn lines_in_a_wrong_order_are_errors() {
    for lines in [&["BEGIN 7", "BEGIN 8"][..], &[COMMIT], &["BEGIN 8", COMMIT], &["table a.b: DELETE: id[integer]:1"]] {
        let mut assembler = Assembler::new(&|_| true);
        let error = lines.iter().find_map(|line| assembler.add(Lsn(1), line).err());
        assert!(matches!(error, Some(CaptureError::Order { .. })), "{lines:?}: {error:?}");
    }
}
