//! The built-in payment system: payments, captures, refunds and notes.

use std::borrow::Cow;

use fastrand::Rng;
use infra_postgres::ConnectionInfo;
use tokio_postgres::Row;

use super::request::{Body, Memory, Payment, Performed, Request};
use super::statements::{ENTRIES, EVENTS, NOTES, PAYMENTS, Pair, REFUNDS, Statements, TABLES};
use crate::catalog;
use crate::connection::Connection;
use crate::error::Error;
use crate::generate;
use crate::ledger::{Intent, Kind, RecordedTable, Written};
use crate::session;

/// The payment system.
#[derive(Debug)]
pub(super) struct Payments {
    statements: Statements,
    /// The accounts that payments are made for: customer and currency.
    accounts: Vec<(String, String)>,
    /// The columns of a payment that a capture changes.
    captured: Vec<u16>,
}

/// The number of accounts that clients know.
const ACCOUNTS: i64 = 10_000;
/// The columns of a payment that a capture changes, directly or by a trigger.
const CAPTURED: [&str; 4] = ["status", "captured_at", "version", "updated_at"];

impl Payments {
    pub(super) async fn read(connection: &ConnectionInfo) -> Result<(Self, Vec<RecordedTable>), Error> {
        let client = session::open(connection).await?;
        let catalog = catalog::read(&client).await?;
        let mut tables = Vec::new();
        for (name, key, assigned) in TABLES {
            let table = catalog.iter().find(|table| table.id.schema == "public" && table.id.name == name);
            let table = table.ok_or_else(|| Error::NothingToWrite(format!("there is no table public.{name}")))?;
            tables.push(RecordedTable {
                schema: "public".to_owned(),
                name: name.to_owned(),
                key: key.iter().map(|column| (*column).to_owned()).collect(),
                columns: table.column_names().map(str::to_owned).collect(),
                assigned: assigned.map(str::to_owned),
            });
        }
        let accounts = "SELECT customer_id::text, currency::text FROM public.accounts LIMIT $1";
        let failed = |error: tokio_postgres::Error| Error::database("read the accounts", &error);
        let accounts = client.query(accounts, &[&ACCOUNTS]).await.map_err(failed)?;
        if accounts.is_empty() {
            return Err(Error::NothingToWrite("public.accounts has no rows to make payments for".to_owned()));
        }
        let position = |name: &&str| tables[0].columns.iter().position(|column| column == name);
        let captured = CAPTURED.iter().filter_map(position).filter_map(|at| u16::try_from(at).ok()).collect();
        let payments = Self {
            statements: Statements::new(&tables),
            accounts: accounts.iter().map(|row| (row.get(0), row.get(1))).collect(),
            captured,
        };
        Ok((payments, tables))
    }

    /// Of 100 requests, about 60 create a payment, 25 capture one, 7 refund one and 8 add a note.
    pub(super) fn next(&self, memory: &mut Memory, rng: &mut Rng) -> Request {
        match rng.u8(..100) {
            0..25 => match Memory::take(&mut memory.authorized, rng) {
                Some(payment) => self.capture(payment, rng),
                None => self.create(rng),
            },
            25..32 => match Memory::take(&mut memory.captured, rng) {
                Some(payment) => Self::refund(payment, rng),
                None => self.create(rng),
            },
            32..40 if !memory.authorized.is_empty() => {
                Self::note(memory.authorized[rng.usize(..memory.authorized.len())].clone(), rng)
            }
            _ => self.create(rng),
        }
    }

    fn create(&self, rng: &mut Rng) -> Request {
        let id = generate::uuid(rng);
        let key = generate::uuid(rng);
        let (customer, currency) = &self.accounts[rng.usize(..self.accounts.len())];
        let payment = Payment { id: id.clone(), amount: rng.u32(100..500_000) };
        let large = rng.u16(..) < 200;
        let values = vec![
            Some(id),
            Some(key.clone()),
            Some(customer.clone()),
            Some(currency.clone()),
            Some(hundredths(payment.amount)),
            Some(hundredths(rng.u32(0..1_000))),
            Some(if rng.u8(..) < 10 { "NaN".to_owned() } else { rng.f64().to_string() }),
            Some(if rng.u8(..) < 5 { "NaN".to_owned() } else { format!("1.{:09}", rng.u32(..1_000_000_000)) }),
            Some(generate::words(rng)),
            Some(generate::document(rng)),
            (rng.u8(..) < 50).then(|| generate::bytes(if large { 60_000 } else { 24 }, rng)),
            Some(if large { generate::long_text(rng) } else { generate::short_text(rng) }),
            Some(generate::wall_clock(rng)),
            Some(generate::instant(rng)),
        ];
        let id: Cow<'static, str> = Cow::Owned(payment.id.clone());
        let intents = vec![
            Intent { n: PAYMENTS, key: vec![id.clone()], touches: Vec::new() },
            Intent { n: ENTRIES, key: vec![id, "authorization".into()], touches: Vec::new() },
        ];
        request(Kind::Create, key, intents, payment, values)
    }

    fn capture(&self, payment: Payment, rng: &mut Rng) -> Request {
        // The instant identifies the capture: a second attempt finds it.
        let values = vec![Some(payment.id.clone()), Some(generate::instant(rng)), Some(generate::document(rng))];
        let id: Cow<'static, str> = Cow::Owned(payment.id.clone());
        let intents = vec![
            Intent { n: PAYMENTS, key: vec![id.clone()], touches: self.captured.clone() },
            Intent { n: ENTRIES, key: vec![id.clone(), "capture".into()], touches: Vec::new() },
            Intent { n: EVENTS, key: vec![id, "captured".into()], touches: Vec::new() },
        ];
        request(Kind::Capture, generate::uuid(rng), intents, payment, values)
    }

    fn refund(payment: Payment, rng: &mut Rng) -> Request {
        let key = generate::uuid(rng);
        let amount = rng.u32(1..=payment.amount);
        let values = vec![
            Some(payment.id.clone()),
            Some(key.clone()),
            Some(hundredths(amount)),
            (rng.u8(..) < 128).then(|| generate::short_text(rng)),
        ];
        let intents = vec![
            Intent { n: REFUNDS, key: vec![Cow::Owned(key.clone())], touches: Vec::new() },
            Intent { n: ENTRIES, key: vec![Cow::Owned(payment.id.clone()), "refund".into()], touches: Vec::new() },
        ];
        request(Kind::Refund, key, intents, payment, values)
    }

    fn note(payment: Payment, rng: &mut Rng) -> Request {
        let id = generate::uuid(rng);
        let large = rng.u8(..) < 20;
        let values = vec![
            Some(payment.id.clone()),
            Some(id.clone()),
            Some(generate::short_text(rng)),
            Some(if large { generate::long_text(rng) } else { generate::short_text(rng) }),
            (rng.u8(..) < 8).then(|| generate::bytes(50_000, rng)),
        ];
        let intents = vec![Intent { n: NOTES, key: vec![Cow::Owned(id.clone())], touches: Vec::new() }];
        request(Kind::Note, id, intents, payment, values)
    }

    pub(super) fn remember(memory: &mut Memory, request: &Request) {
        let Body::Payment { payment, .. } = &request.body else { return };
        match request.kind {
            Kind::Create => Memory::add(&mut memory.authorized, payment.clone()),
            Kind::Capture => Memory::add(&mut memory.captured, payment.clone()),
            _ => {}
        }
    }

    pub(super) async fn perform(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> Result<Performed, tokio_postgres::Error> {
        let Body::Payment { values, .. } = &request.body else { return Ok(Performed::Conflict) };
        let (number, pair): (usize, &Pair) = match request.kind {
            Kind::Create => (0, &self.statements.create),
            Kind::Capture => (2, &self.statements.capture),
            Kind::Refund => (4, &self.statements.refund),
            _ => (6, &self.statements.note),
        };
        let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        let rows = connection.run(number, &pair.act, &values).await?;
        if let Some(row) = rows.first() {
            return Ok(Performed::Done { created: true, rows: written(request, row) });
        }
        // Nothing was done: an earlier attempt did it, the key belongs to something else, or the payment is not here.
        let rows = connection.run(number + 1, &pair.find, &values[..2]).await?;
        Ok(match rows.first() {
            Some(row) => Performed::Done { created: false, rows: written(request, row) },
            None if matches!(request.kind, Kind::Capture | Kind::Refund) => Performed::NotFound,
            None => Performed::Conflict,
        })
    }
}

/// Returns the rows of an answer, in the order of the intents. The columns are the fingerprint of each row and the
/// number that the database assigned, except for payments and notes.
fn written(request: &Request, row: &Row) -> Vec<Written<'static>> {
    let mut written = Vec::with_capacity(request.intents.len());
    let mut column = 0;
    for intent in &request.intents {
        let fingerprint: Option<String> = row.get(column);
        column += 1;
        let mut assigned = None;
        if TABLES[usize::from(intent.n)].2.is_some() {
            assigned = row.get(column);
            column += 1;
        }
        // A row that an earlier attempt wrote can be missing on this database, and is then not acknowledged.
        if let Some(fingerprint) = fingerprint {
            written.push(Written { n: intent.n, key: intent.key.clone(), fp: fingerprint.into(), assigned });
        }
    }
    written
}

fn request(
    kind: Kind,
    id: String,
    intents: Vec<Intent<'static>>,
    payment: Payment,
    values: Vec<Option<String>>,
) -> Request {
    Request { id, kind, intents, body: Body::Payment { payment, values }, is_idempotent: true }
}

fn hundredths(amount: u32) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}
