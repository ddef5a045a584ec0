//! Reading a configuration: the file, the overrides, the check, the sections of each environment.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::check::{check, expects_text};
use super::gate::{Gate, Side};
use super::gates::{RawGates, Replicates};
use super::model::{Config, EnvironmentConfig, Link, Links, Pair, RawConfig, RawEnvironment};
use super::problem::{ConfigError, Problem};
use super::source::{Part, Source};
use super::validate::validate;

/// Values that count more than the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `KEY=VALUE` texts of `--set`, in order.
    pub sets: Vec<String>,
    /// Environment variables `MIGRATE_INFRA_SECTION__KEY`; `--set` counts more.
    pub variables: Vec<(String, String)>,
    /// `--suffix`, which counts most.
    pub suffix: Option<String>,
}

const PREFIX: &str = "MIGRATE_INFRA_";

impl Overrides {
    /// Collects the variables of the process that name a configuration key: those with a double underscore.
    pub fn with_environment(mut self) -> Self {
        let text = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut found: Vec<(String, String)> = text.filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))).collect();
        found.sort();
        self.variables = found;
        self
    }

    /// Returns path, value and origin of each, weakest first.
    fn entries(&self) -> Result<Vec<(Vec<String>, Value, String)>, Problem> {
        let mut entries = Vec::new();
        for (name, value) in &self.variables {
            let path = name.trim_start_matches(PREFIX).split("__").map(str::to_lowercase).collect();
            entries.push((path, parse(value), format!("the environment variable {name}")));
        }
        for set in &self.sets {
            let Some((key, value)) = set.split_once('=') else {
                let help = Some("for example `--set database.multi_az=true`".to_owned());
                return Err(Problem { message: format!("`--set {set}` has no `=`"), help, span: None, file: None });
            };
            entries.push((key.trim().split('.').map(str::to_owned).collect(), parse(value), format!("`--set {set}`")));
        }
        if let Some(suffix) = &self.suffix {
            entries.push((vec!["stack".to_owned(), "suffix".to_owned()], Value::String(suffix.clone()), "`--suffix`".to_owned()));
        }
        Ok(entries)
    }
}

/// A value as TOML would read it; what is not TOML is text.
fn parse(text: &str) -> Value {
    let table: Option<toml::Table> = toml::from_str(&format!("value = {text}")).ok();
    let value = table.and_then(|mut table| table.remove("value")).and_then(|value| serde_json::to_value(value).ok());
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads, checks and validates a configuration. Without a path it is made of defaults and overrides alone.
///
/// # Errors
/// All mistakes that can be found at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let one = |problem| ConfigError::Mistakes(vec![problem]);
    let (mut source, mut value) = match path {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            let source = Source::parse(&path.display().to_string(), &text).map_err(one)?;
            let table: toml::Table = toml::from_str(&text)
                .map_err(|error| one(Problem { message: error.message().to_owned(), help: None, span: error.span(), file: None }))?;
            (source, serde_json::to_value(table).unwrap_or_default())
        }
        None => (Source::without_file(), serde_json::to_value(RawConfig::default()).unwrap_or_default()),
    };
    for (path, new, origin) in overrides.entries().map_err(one)? {
        // `--set database.engine_version=17` means the text: the key wants one, and a shell takes quotes away.
        let new = if expects_text(&path) && !new.is_string() { Value::String(shown(&new)) } else { new };
        put(&mut value, &path, new);
        source.override_by(path, origin);
    }
    let problems = check(&value, &source);
    if !problems.is_empty() {
        return Err(ConfigError::Mistakes(problems));
    }
    let (config, mut problems) = read(&value, &source).map_err(one)?;
    problems.extend(validate(&config, &source));
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Mistakes(problems)) }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn put(at: &mut Value, path: &[String], new: Value) {
    let Some((key, rest)) = path.split_first() else {
        *at = new;
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if let Some(object) = at.as_object_mut() {
        put(object.entry(key.clone()).or_insert(Value::Null), rest, new);
    }
}

fn read(value: &Value, source: &Source) -> Result<(Config, Vec<Problem>), Problem> {
    let raw = RawConfig::deserialize(value).map_err(|error| source.problem(&[], error.to_string(), None, Part::Value))?;
    let mut problems = Vec::new();
    let mut environments = Vec::new();
    for (name, environment) in &raw.environments {
        let path = |key: &str| vec!["environments".to_owned(), name.clone(), key.to_owned()];
        let Ok(vpc_cidr) = environment.vpc_cidr.parse() else {
            let message = format!("`{}` is not an IPv4 address range", environment.vpc_cidr);
            problems.push(source.problem(&path("vpc_cidr"), message, Some("for example 10.0.0.0/16".to_owned()), Part::Value));
            continue;
        };
        environments.push(EnvironmentConfig {
            name: name.clone(),
            region: environment.region.as_str().into(),
            vpc_cidr,
            protect: environment.protect,
            databases: environment.databases.clone(),
            buckets: environment.buckets.clone(),
            replicates: links(name, environment),
            encryption: section(value, name, "encryption", source)?,
            network: section(value, name, "network", source)?,
            database: section(value, name, "database", source)?,
            secrets: section(value, name, "secrets", source)?,
            storage: section(value, name, "storage", source)?,
            service: section(value, name, "service", source)?,
            replication: section(value, name, "replication", source)?,
            monitoring: section(value, name, "monitoring", source)?,
        });
    }
    // Without one of the environments there is nothing to route between; whoever wrote `[routing]` is told.
    let both = ["source", "target"].iter().all(|name| raw.environments.contains_key(*name));
    let written = source.has(&["routing".to_owned()]);
    let routing = (raw.routing.enabled && (both || written)).then_some(raw.routing);
    let gates = gates(&raw.gates, &environments, source, &mut problems);
    let RawConfig { stack, tags, cutover, policy, state, drift, moved, resources, .. } = raw;
    Ok((Config { stack, tags, environments, routing, cutover, gates, policy, state, drift, moved, resources }, problems))
}

/// The gates that are on: the built-in ones, then those of your own.
fn gates(raw: &RawGates, environments: &[EnvironmentConfig], source: &Source, problems: &mut Vec<Problem>) -> Vec<Gate> {
    let region = |side: Side| environments.iter().find(|one| one.name == side.as_str()).map(|one| one.region.clone());
    let mut gates = raw.built_in(Replicates::of(environments));
    for (name, own) in raw.custom.iter().filter(|(_, own)| own.enabled) {
        let mistakes = match own.resolve(name, region) {
            Ok(gate) => {
                gates.push(gate);
                continue;
            }
            Err(mistakes) => mistakes,
        };
        for (keys, message, help) in mistakes {
            let path = [vec!["gates".to_owned(), "custom".to_owned(), name.clone()], keys].concat();
            problems.push(source.problem(&path, message, Some(help), Part::Value));
        }
    }
    gates
}

/// The replications of an environment, with the environment that each comes from written out.
fn links(name: &str, environment: &RawEnvironment) -> Links {
    let link = |pair: &Pair| {
        let (from_environment, from) = pair.from.split_once('/').unwrap_or((name, &pair.from));
        Link { from_environment: from_environment.to_owned(), from: from.to_owned(), to: pair.to.clone() }
    };
    let replicates = environment.replicates.clone().unwrap_or_default();
    Links { database: replicates.database.as_ref().map(link), bucket: replicates.bucket.as_ref().map(link) }
}

/// A section as it counts for one environment: the global keys, then the environment's own over them.
fn section<T: DeserializeOwned + Default>(value: &Value, environment: &str, name: &str, source: &Source) -> Result<T, Problem> {
    let mut merged = value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let own = value.pointer(&format!("/environments/{environment}/{name}")).and_then(Value::as_object);
    merged.extend(own.cloned().unwrap_or_default());
    T::deserialize(Value::Object(merged)).map_err(|error| source.problem(&[name.to_owned()], error.to_string(), None, Part::Value))
}
