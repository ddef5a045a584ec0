//! What a run was, and what determined its duration.

use std::collections::BTreeMap;

use super::escape::{address, escape, time};
use crate::model::{End, Timeline};

/// Returns the facts about a run.
pub(super) fn summary(timeline: &Timeline) -> String {
    let run = &timeline.run;
    let mut rows = vec![
        ("Outcome", outcome(timeline)),
        ("Began", escape(&run.started)),
        ("Duration", time(timeline.seconds)),
        ("Expected", expected(timeline)),
    ];
    if !timeline.steps.is_empty() {
        rows.push(("Steps", steps(timeline)));
    }
    let calls: u64 = timeline.calls.iter().map(|of| of.calls).sum();
    if calls > 0 {
        rows.push(("Calls", calls.to_string()));
    }
    if let Some(migration) = &timeline.migration {
        if let Some(outcome) = &migration.outcome {
            let why = migration.why.as_ref().map(|why| format!(" ({})", escape(why))).unwrap_or_default();
            rows.push(("Cutover", format!("{}{why}", escape(outcome))));
        }
        rows.push(("Without writes", migration.without_writes_seconds.map(time).unwrap_or_default()));
    }
    rows.push(("Environments", escape(&run.environments.join(", "))));
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: String = rows.map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")).collect();
    let truncated = match run.truncated {
        true => "<p class=\"bad\">Events are missing: there were too many.</p>\n",
        false => "",
    };
    format!("<dl>\n{rows}</dl>\n{truncated}")
}

/// Returns how many steps are in which state.
fn steps(timeline: &Timeline) -> String {
    const ORDER: [End; 5] = [End::Done, End::Unchanged, End::Failed, End::Blocked, End::Interrupted];
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for bar in &timeline.steps {
        let place = ORDER.iter().position(|end| *end == bar.end);
        *counts.entry((place, timeline.state_of(bar))).or_default() += 1;
    }
    let mut counts: Vec<String> = counts.iter().map(|((_, state), count)| format!("{count} {state}")).collect();
    let planned = timeline.run.plan.as_ref().map_or(0, |plan| plan.steps.len());
    let left = planned.saturating_sub(timeline.steps.len());
    if timeline.is_under_way && left > 0 {
        counts.push(format!("{left} to begin"));
    }
    counts.join(", ")
}

fn outcome(timeline: &Timeline) -> String {
    let run = &timeline.run;
    if timeline.is_under_way {
        return "<strong>under way</strong>".to_owned();
    }
    let code = run.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let class = if run.exit_code == Some(0) { "good" } else { "bad" };
    format!("<span class=\"{class}\">{}</span>{code}", escape(run.outcome()))
}

/// Returns the expected duration, and how far the run was from it.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
fn expected(timeline: &Timeline) -> String {
    let Some(plan) = timeline.run.plan.as_ref().filter(|plan| plan.expected_seconds > 0) else { return String::new() };
    let expected = plan.expected_seconds as f64;
    let result = match (timeline.is_under_way, timeline.seconds - expected) {
        (false, more) if more >= 0.0 => format!("it took {} longer", time(more)),
        (false, less) => format!("it took {} shorter", time(-less)),
        (true, more) if more >= 0.0 => format!("{} over", time(more)),
        (true, less) => format!("{} left", time(-less)),
    };
    let range = plan
        .expected_range_seconds
        .map(|[least, most]| format!(", usually {} to {}", time(least as f64), time(most as f64)));
    format!("{}{}; {result}", time(expected), range.unwrap_or_default())
}

/// Returns the steps that determined the duration.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
pub(super) fn critical_path(timeline: &Timeline) -> String {
    if timeline.critical_path.is_empty() {
        return String::new();
    }
    let item = |index: &usize| {
        let bar = &timeline.steps[*index];
        let idle = bar.start - bar.possible;
        let idle = if idle >= 1.0 { format!(", began {} late", time(idle)) } else { String::new() };
        let expected = bar.expected.filter(|seconds| *seconds > 0);
        let expected = expected.map(|seconds| format!(", expected {}", time(seconds as f64))).unwrap_or_default();
        format!(
            "<li><a href=\"#s{index}\">{}</a> {}{expected}{idle}</li>\n",
            address(&bar.address),
            time(bar.seconds())
        )
    };
    let items: String = timeline.critical_path.iter().map(item).collect();
    format!(
        "<p>Each step waited for the one before it. To shorten the run, shorten one of these.</p>\n<ol>\n{items}</ol>\n"
    )
}
