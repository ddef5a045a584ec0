//! What is measured in the source, and the settings of the task that follow.

use infra_database::check::{BatchApply, Limits, Lobs, Measurements, Verdict, run};
use infra_migration::phase::Phase;
use infra_payment::stack::{LobSettings, MeasuredSource};

use super::databases::Connected;
use super::error::StartError;

/// The largest `unboundedVarcharMaxSize`: "The maximum value is 10485760 bytes."
const LARGEST_VARCHAR: u64 = 10_485_760;
/// `LobMaxSize` of a source without LOBs, for those that are added later.
const SMALLEST_KILOBYTES: u32 = 32;

/// Measures the source. Returns what follows for the task, and lines that say it.
pub(super) async fn measure(connected: &Connected) -> Result<(MeasuredSource, Vec<String>), StartError> {
    let report = run(connected.source(), connected.target(), &Limits::default()).await;
    let report = report.map_err(|source| StartError::Database { phase: Phase::Schema, source })?;
    let measurements = &report.measurements;
    if measurements.varchar_bytes > LARGEST_VARCHAR {
        let columns = vec![format!("texts without a length have up to {} bytes", measurements.varchar_bytes)];
        return Err(StartError::TooLarge { columns });
    }
    let mut lines = vec![format!("settings that follow from the source: {}", describe(measurements))];
    if measurements.lobs == Lobs::Full && !measurements.required_lobs.is_empty() {
        let columns = measurements.required_lobs.iter().map(|(table, column)| format!("{table}.{column}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        lines.push(format!("DMS writes large values after their rows, so these columns must allow NULL: {columns}"));
    }
    let failed = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if failed > 0 {
        lines.push(format!("{failed} findings of `replication check` say that something would be lost"));
    }
    Ok((derive(measurements), lines))
}

/// Returns what is recorded.
fn derive(measurements: &Measurements) -> MeasuredSource {
    MeasuredSource {
        lobs: match measurements.lobs {
            Lobs::None => LobSettings::Limited { kilobytes: SMALLEST_KILOBYTES },
            Lobs::Limited { kilobytes } => LobSettings::Limited { kilobytes },
            Lobs::Full => LobSettings::Full,
        },
        batch_apply: measurements.batch_apply == BatchApply::Possible,
        requires_lobs: !measurements.required_lobs.is_empty(),
        excluded_tables: measurements.excluded.iter().map(|table| (table.schema.clone(), table.name.clone())).collect(),
        computed_columns: measurements
            .generated_columns
            .iter()
            .map(|(table, column)| (table.schema.clone(), table.name.clone(), column.clone()))
            .collect(),
    }
}

fn describe(measurements: &Measurements) -> String {
    let lobs = match measurements.lobs {
        Lobs::None => "no large values".to_owned(),
        Lobs::Limited { kilobytes } => format!("large values up to {kilobytes} KB"),
        Lobs::Full => "large values of any size, one by one".to_owned(),
    };
    let batches = match &measurements.batch_apply {
        BatchApply::Possible => "changes in batches".to_owned(),
        BatchApply::Impossible { reasons } => format!("changes one by one ({})", reasons.join("; ")),
    };
    let mut parts = vec![lobs, batches];
    if !measurements.excluded.is_empty() {
        let names = measurements.excluded.iter().map(ToString::to_string).collect::<Vec<_>>();
        parts.push(format!("without the parents of partitions ({})", names.join(", ")));
    }
    if !measurements.generated_columns.is_empty() {
        let names = measurements.generated_columns.iter().map(|(table, column)| format!("{table}.{column}"));
        parts.push(format!("without columns that the target computes ({})", names.collect::<Vec<_>>().join(", ")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use infra_database::TableName;

    use super::*;

    #[test]
    fn what_is_recorded_follows_from_what_was_measured() {
        let table = TableName::new("public", "events");
        let mut measurements = Measurements::default();
        measurements.lobs = Lobs::Limited { kilobytes: 512 };
        measurements.batch_apply = BatchApply::Possible;
        measurements.excluded = vec![table.clone()];
        measurements.generated_columns = vec![(table, "total".to_owned())];
        let derived = derive(&measurements);
        assert_eq!(derived.lobs, LobSettings::Limited { kilobytes: 512 });
        assert!(derived.batch_apply);
        assert_eq!(derived.excluded_tables, [("public".to_owned(), "events".to_owned())]);
        assert_eq!(derived.computed_columns, [("public".to_owned(), "events".to_owned(), "total".to_owned())]);
        let text = describe(&measurements);
        assert!(text.contains("512 KB") && text.contains("public.events.total"), "{text}");
        assert_eq!(derive(&Measurements::default()).lobs, LobSettings::Limited { kilobytes: 32 });
        assert!(!derive(&Measurements::default()).batch_apply);
    }
}
