//! A text stays the text that was written, from every source.

use infra_config::{Overrides, load};

use crate::support::{load_set, load_text};

const LOOK_LIKE_SOMETHING_ELSE: [&str; 13] = [
    "16.10",
    "1.10",
    "007",
    "1e3",
    "true",
    "2024-01-01",
    "07:30",
    "2024-01-01T07:30:00Z",
    "0x1F",
    "1_000",
    "inf",
    "nan",
    "-0",
];

#[test]
fn a_text_that_looks_like_a_number_was_changed() {
    for text in LOOK_LIKE_SOMETHING_ELSE {
        let set = load_set(&[&format!("tags.Release={text}")]).unwrap();
        assert_eq!(set.tags["Release"], text, "--set");
        let variables = vec![("MIGRATE_INFRA_TAGS__Release".to_owned(), text.to_owned())];
        let from_variable = load(None, &Overrides { variables, ..Overrides::default() }).unwrap();
        assert_eq!(from_variable.tags["Release"], text, "a variable");
        let quoted = load_text(&format!("[tags]\nRelease = \"{text}\"\n")).unwrap();
        assert_eq!(quoted.tags["Release"], text, "a file");
    }
}

#[test]
fn a_number_in_a_file_for_a_text_did_not_say_what_to_write() {
    for number in ["16.10", "1e3", "true", "1_000", "0x1F", "inf", "nan"] {
        let mistakes = load_text(&format!("[tags]\nRelease = {number} # the release\n")).unwrap_err();
        assert!(mistakes[0].message.starts_with("`tags.Release` must be a string, not "), "{}", mistakes[0].message);
        assert_eq!(mistakes[0].help.as_deref(), Some(format!("put it in quotes: \"{number}\"").as_str()));
        assert!(mistakes[0].span.is_some());
    }
    let set = load_set(&["databases.via=[\"./tunnel\", 5432]"]).unwrap_err();
    assert_eq!(set[0].help.as_deref(), Some("put it in quotes: \"5432\""));
    let not_a_list = load_set(&["database.allowed_cidrs=10.8.0.0/24"]).unwrap_err();
    assert!(not_a_list[0].help.as_deref().is_some_and(|help| help.contains("[\"a\", \"b\"]")));
}

#[test]
fn a_date_in_a_file_was_written_another_way() {
    for date in ["2024-01-01", "07:30:00", "07:30", "2024-01-01 07:30:00Z", "2024-01-01T07:30:00.500+01:00"] {
        let config = load_text(&format!("[tags]\nDay = {date} # a day\n")).unwrap();
        assert_eq!(config.tags["Day"], date);
    }
}

#[test]
fn line_ends_of_windows_were_another_configuration() {
    for file in crate::support::shipped() {
        let unix = std::fs::read_to_string(&file).unwrap().replace("\r\n", "\n");
        let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
        assert_eq!(load_text(&windows).unwrap(), load_text(&unix).unwrap(), "{}", file.display());
    }
    let set = load_set(&["service.command=[\"\"\"a\r\nb\"\"\"]"]).unwrap();
    assert_eq!(set.environments[0].service.command, ["a\nb"]);
}
