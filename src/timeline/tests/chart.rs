//! The chart for a terminal.

use super::{cutover, up};
use crate::chart;

#[test]
fn the_chart_of_an_up() {
    insta::assert_snapshot!(chart(&up(), 100).join("\n"));
}

#[test]
fn the_chart_of_a_cutover() {
    insta::assert_snapshot!(chart(&cutover(), 100).join("\n"));
}

#[test]
fn a_chart_fits_a_narrow_terminal_and_text_cannot_control_it() {
    let mut up = up();
    up.steps[0].address = "source/\u{1b}[2Jevil\nerror: no".to_owned();
    up.errors[0].text = "a\u{202e}b\nhint: run this".to_owned();
    let lines = chart(&up, 40);
    assert!(lines.iter().all(|line| !line.contains(['\n', '\u{1b}', '\u{202e}'])), "{lines:#?}");
    let widest = lines
        .iter()
        .filter(|line| line.contains('█') && !line.contains("accepted"))
        .map(|line| line.chars().count())
        .max();
    assert!(widest.is_some_and(|widest| widest <= 60), "{widest:?}");
}
