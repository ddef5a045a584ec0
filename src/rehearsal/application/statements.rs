//! The statements of the built-in payment system. Each request is one statement, and therefore one transaction.

use crate::fingerprint;
use crate::ledger::RecordedTable;

/// The positions of the tables in the ledger.
pub(super) const PAYMENTS: u16 = 0;
pub(super) const ENTRIES: u16 = 1;
pub(super) const REFUNDS: u16 = 2;
pub(super) const NOTES: u16 = 3;
pub(super) const EVENTS: u16 = 4;

/// The tables in this order: the name, the columns by which a client identifies a row, and the column that the database
/// assigns.
pub(super) const TABLES: [(&str, &[&str], Option<&str>); 5] = [
    ("payments", &["id"], None),
    ("entries", &["payment_id", "kind"], Some("id")),
    ("refunds", &["idempotency_key"], Some("id")),
    ("payment notes", &["id"], None),
    ("payment_events", &["payment_id", "kind"], Some("id")),
];

/// A statement, and the one that finds what an earlier attempt did.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) act: String,
    pub(super) find: String,
}

/// The statements.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) create: Pair,
    pub(super) capture: Pair,
    pub(super) refund: Pair,
    pub(super) note: Pair,
}

impl Statements {
    pub(super) fn new(tables: &[RecordedTable]) -> Self {
        let fingerprint = |table: u16, alias: Option<&str>| {
            fingerprint::expression(tables[usize::from(table)].columns.iter().map(String::as_str), alias)
        };
        let [payment, entry, refund, note, event] = [PAYMENTS, ENTRIES, REFUNDS, NOTES, EVENTS]
            .map(|table| (fingerprint(table, None), fingerprint(table, Some("t"))));
        // What was found has the columns of what was done; a row that is missing has no fingerprint.
        let entry_of = |kind: &str| {
            format!(
                "LEFT JOIN LATERAL (SELECT {} AS fp, t.id FROM public.entries t WHERE t.payment_id = p.id \
                 AND t.kind = '{kind}' LIMIT 1) e ON true",
                entry.1
            )
        };
        let create = Pair {
            act: format!(
                "WITH p AS (INSERT INTO public.payments (id, idempotency_key, customer_id, currency, amount, fee, \
                 risk_score, exchange_rate, labels, metadata, receipt, description, local_time, authorized_at) \
                 VALUES ($1::text::uuid, $2::text::uuid, $3::text::bigint, $4::text, $5::text::numeric, \
                 $6::text::numeric, $7::text::float8, $8::text::numeric, $9::text::text[], $10::text::jsonb, \
                 $11::text::bytea, $12::text, $13::text::timestamp, $14::text::timestamptz) \
                 ON CONFLICT DO NOTHING RETURNING id, customer_id, currency, amount, {} AS fp), \
                 e AS (INSERT INTO public.entries (payment_id, kind, customer_id, currency, amount) \
                 SELECT id, 'authorization', customer_id, currency, amount FROM p RETURNING id, {} AS fp), \
                 b AS (UPDATE public.accounts a SET balance = a.balance + p.amount FROM p \
                 WHERE a.customer_id = p.customer_id AND a.currency = p.currency) \
                 SELECT p.fp, e.fp, e.id::bigint FROM p, e",
                payment.0, entry.0
            ),
            find: format!(
                "SELECT p.fp, e.fp, e.id::bigint FROM (SELECT t.id, {} AS fp FROM public.payments t \
                 WHERE t.id = $1::text::uuid AND t.idempotency_key = $2::text::uuid LIMIT 1) p {}",
                payment.1,
                entry_of("authorization")
            ),
        };
        let capture = Pair {
            act: format!(
                "WITH p AS (UPDATE public.payments SET status = 'captured', captured_at = $2::text::timestamptz \
                 WHERE id = $1::text::uuid AND status = 'authorized' \
                 RETURNING id, customer_id, currency, fee, {} AS fp), \
                 e AS (INSERT INTO public.entries (payment_id, kind, customer_id, currency, amount) \
                 SELECT id, 'capture', customer_id, currency, -fee FROM p RETURNING id, {} AS fp), \
                 b AS (UPDATE public.accounts a SET balance = a.balance - p.fee FROM p \
                 WHERE a.customer_id = p.customer_id AND a.currency = p.currency), \
                 v AS (INSERT INTO public.payment_events (payment_id, kind, detail, occurred_at) \
                 SELECT id, 'captured', $3::text::jsonb, $2::text::timestamptz FROM p RETURNING id, {} AS fp) \
                 SELECT p.fp, e.fp, e.id::bigint, v.fp, v.id::bigint FROM p, e, v",
                payment.0, entry.0, event.0
            ),
            find: format!(
                "SELECT p.fp, e.fp, e.id::bigint, v.fp, v.id::bigint FROM (SELECT t.id, {} AS fp \
                 FROM public.payments t WHERE t.id = $1::text::uuid AND t.captured_at = $2::text::timestamptz \
                 LIMIT 1) p \
                 {} LEFT JOIN LATERAL (SELECT {} AS fp, t.id FROM public.payment_events t WHERE t.payment_id = p.id \
                 AND t.kind = 'captured' LIMIT 1) v ON true",
                payment.1,
                entry_of("capture"),
                event.1
            ),
        };
        let refund = Pair {
            act: format!(
                "WITH r AS (INSERT INTO public.refunds (idempotency_key, payment_id, amount, reason) \
                 SELECT $2::text::uuid, p.id, $3::text::numeric, $4::text FROM public.payments p \
                 WHERE p.id = $1::text::uuid ON CONFLICT DO NOTHING RETURNING id, payment_id, amount, {} AS fp), \
                 e AS (INSERT INTO public.entries (payment_id, kind, customer_id, currency, amount) \
                 SELECT p.id, 'refund', p.customer_id, p.currency, -r.amount FROM r \
                 JOIN public.payments p ON p.id = r.payment_id RETURNING id, {} AS fp), \
                 b AS (UPDATE public.accounts a SET balance = a.balance - r.amount FROM r \
                 JOIN public.payments p ON p.id = r.payment_id \
                 WHERE a.customer_id = p.customer_id AND a.currency = p.currency) \
                 SELECT r.fp, r.id::bigint, e.fp, e.id::bigint FROM r, e",
                refund.0, entry.0
            ),
            find: format!(
                "SELECT p.fp, p.refund::bigint, e.fp, e.id::bigint FROM (SELECT t.payment_id AS id, t.id AS refund, \
                 {} AS fp FROM public.refunds t WHERE t.idempotency_key = $2::text::uuid \
                 AND t.payment_id = $1::text::uuid LIMIT 1) p {}",
                refund.1,
                entry_of("refund")
            ),
        };
        let note = Pair {
            act: format!(
                "INSERT INTO public.\"payment notes\" (payment_id, id, \"written by\", body, attachment) \
                 VALUES ($1::text::uuid, $2::text::uuid, $3::text, $4::text, $5::text::bytea) \
                 ON CONFLICT DO NOTHING RETURNING {}",
                note.0
            ),
            find: format!(
                "SELECT {} FROM public.\"payment notes\" t WHERE t.id = $2::text::uuid \
                 AND t.payment_id = $1::text::uuid LIMIT 1",
                note.1
            ),
        };
        Self { create, capture, refund, note }
    }
}
