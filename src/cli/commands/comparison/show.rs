//! Shows the result of a comparison as text.

use crate::cli::ui::stdout;
use infra_compare::{Comparison, Repair, RowDifferences};

/// Shows all differences, and the statements that mend the target.
pub(in crate::cli::commands) fn show(comparison: &Comparison) {
    for table in &comparison.tables {
        stdout(&format!("  {table}"));
        show_keys(&table.rows);
    }
    comparison.sequences.iter().for_each(|difference| stdout(&format!("  {difference}")));
    comparison.indexes.iter().for_each(|difference| stdout(&format!("  {difference}")));
    comparison.objects.iter().for_each(|difference| stdout(&format!("  {difference}")));
    comparison.large_objects.iter().for_each(|objects| stdout(&format!("  {objects}")));
    comparison.incomplete.iter().for_each(|part| stdout(&format!("  {part}")));
    show_repairs(&comparison.repairs);
}

/// Shows the statements that mend the target, so that they can be copied.
fn show_repairs(repairs: &[Repair]) {
    if repairs.is_empty() {
        return;
    }
    stdout("statements that mend the target, in their order:");
    for repair in repairs {
        stdout(&format!("  -- {}", repair.difference.replace('\n', " ")));
        repair.statements.iter().for_each(|statement| stdout(&format!("  {statement};")));
    }
}

/// Shows the keys of rows that differ, if requested.
fn show_keys(rows: &RowDifferences) {
    for (what, keys) in
        [("missing", &rows.missing_keys), ("additional", &rows.additional_keys), ("different", &rows.differing_keys)]
    {
        for key in keys {
            stdout(&format!("    {what}: {} = {}", rows.key_columns.join(", "), key.0.join(", ")));
        }
    }
}
