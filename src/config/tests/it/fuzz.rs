//! Hostile configurations and overrides.

use infra_config::{Config, ConfigError, Overrides, parse};
use infra_fuzz::{Syntax, Target};

const FILES: [&str; 3] = [
    include_str!("../../../../config/migration.toml"),
    include_str!("../../../../config/self-contained.toml"),
    include_str!("corpus/rare.toml"),
];

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "[stack]", "[environments.source]", "[environments.x]", "[[moved]]", "[[policy.exceptions]]", "name = ", "region",
    "vpc_cidr", "databases", "\"source\"", "\"target\"", "source/source", "us-east-1", "eu-west-1", "cn-north-1",
    "10.0.0.0/16", "10.0.0.0/33", "0.0.0.0/0", "::/0", "true", "false", "[]", "{}", "\"\"", "'''", "\"\"\"", "=", ".",
    ",", "#", "\\u0000", "\\U0010FFFF", "\\x1b", "2024-01-01", "07:30:00", "0x1F", "1_000", "inf", "nan", "p99.9",
    "arn:aws:iam::444455556666:role/x", "arn:aws:kms:us-east-1:444455556666:key/x", "*", "?", "{env}", "public.a",
    "public.%", "[_]", "engine_version", "16.10", "gates", "below", "at_most", "expression", "metrics", "m1 / m2",
    "steps", "[5, 25, 50, 100]", "tables", "state", "backend", "s3", "bucket", "--", "__", "MIGRATE_INFRA_",
];

/// The files, and each of their sections alone, without comments.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = Vec::new();
    for file in FILES {
        let lines = file.lines().filter(|line| !line.starts_with('#'));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        for section in text.split("\n\n").filter(|section| section.contains('=')) {
            corpus.push(format!("{}\n", section.trim()).into_bytes());
        }
    }
    corpus.push(FILES[2].as_bytes().to_vec());
    corpus
}

/// Checks the answer to a configuration, and returns whether it was accepted.
fn accepted(answer: Result<Config, ConfigError>) -> bool {
    match answer {
        Ok(_) => true,
        Err(ConfigError::Mistakes(mistakes)) => {
            assert!(!mistakes.is_empty(), "a refusal without a mistake");
            for mistake in &mistakes {
                // This is how it is shown.
                let help = miette::Diagnostic::help(mistake).map(|help| help.to_string());
                for text in [Some(mistake.to_string()), help].into_iter().flatten() {
                    let is_control = |character: char| character.is_control() && !['\n', '\t'].contains(&character);
                    assert!(!text.contains(is_control), "a message has control characters: {text:?}");
                }
                if let (Some(span), Some(file)) = (&mistake.span, &mistake.file) {
                    let text = file.inner();
                    assert!(text.get(span.clone()).is_some(), "{span:?} is no part of the file");
                }
            }
            false
        }
        Err(ConfigError::Read { path, .. }) => unreachable!("{} was not read", path.display()),
    }
}

#[test]
fn configuration() {
    let run = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let answer = parse("config.toml", &text, &Overrides::default());
        accepted(answer)
    };
    Target { test: "fuzz::configuration", syntax: Syntax::Toml, corpus: corpus(), tokens: TOKENS, run }.check();
}

/// Each line is one `--set`; a line that starts with `MIGRATE_INFRA_` is an environment variable.
#[test]
fn overrides() {
    let corpus = [
        "database.multi_az=true\n",
        "tags.\"cost.center\"=payments\ndatabase.engine_version=16.10\n",
        "environments.target.region=eu-west-1\nnetwork.availability_zones=3\n",
        "cutover.steps=[10, 50, 100]\nMIGRATE_INFRA_STACK__SUFFIX=dev-002\n",
        "MIGRATE_INFRA_DATABASE__ALLOWED_CIDRS=[\"10.8.0.0/16\"]\n",
        "service={ port = 8081, desired_count = 3 }\n",
        "environments.target.database.parameters={ a = \"1\" }\n",
    ];
    let run = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let mut overrides = Overrides::default();
        for line in text.lines() {
            match line.split_once('=') {
                Some((name, value)) if name.starts_with("MIGRATE_INFRA_") => {
                    overrides.variables.push((name.to_owned(), value.to_owned()));
                }
                _ => overrides.sets.push(line.to_owned()),
            }
        }
        accepted(infra_config::load(None, &overrides))
    };
    let corpus = corpus.map(|text| text.as_bytes().to_vec()).to_vec();
    Target { test: "fuzz::overrides", syntax: Syntax::Text, corpus, tokens: TOKENS, run }.check();
}
