//! Inputs of a resource: a value that is known now, or an output of another resource that is known later.
//!
//! A specification is plain data. In JSON, a reference is `{"$output": {"of": ADDRESS, "name": NAME, "at": MOMENT}}`,
//! and a concatenated text is `{"$concat": [ … ]}`. [`needs_of`] collects the references of a specification.
//! [`resolve`] replaces them with the outputs in the state.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use infra_base::address::Address;

/// The moment that a resource must reach before a dependent can continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// AWS has accepted it and its id is known.
    Created,
    /// It is usable: available, active, in service.
    Ready,
}

/// A dependency of one resource on another, derived from its inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    /// The resource that must come first.
    pub on: Address,
    /// The moment that it must reach.
    pub at: Moment,
    /// Whether the dependency is weak: the dependent only waits for the resource, or only mentions it by name, so that
    /// AWS still allows its deletion.
    #[serde(default, rename = "loose", skip_serializing_if = "std::ops::Not::not")]
    pub weak: bool,
}

/// A named output of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// The resource with the output.
    pub of: Address,
    /// The field of that resource's attributes.
    pub name: String,
    /// The moment from which on the output is known.
    pub at: Moment,
}

/// A value of type `T`, which is known now or once another resource exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<T> {
    /// A known value.
    Value(T),
    /// An output of another resource.
    Output(OutputRef),
    /// Text that is concatenated from parts.
    Concat(Vec<Input<String>>),
}

/// An input was read before the engine resolved it. This is a bug in this program.
#[derive(Clone, Debug, thiserror::Error)]
#[error("an input was read before it was resolved: {0}")]
pub struct Unresolved(pub String);

impl<T> Input<T> {
    /// Returns a reference to the output `name` of `of`.
    pub fn output(of: &Address, name: &str, at: Moment) -> Self {
        Self::Output(OutputRef { of: of.clone(), name: name.to_owned(), at })
    }

    /// Returns the value.
    ///
    /// # Errors
    /// The input is still a reference. The engine resolves every input before a kind sees it.
    pub fn get(&self) -> Result<&T, Unresolved> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Output(output) => Err(Unresolved(format!("`{}` of {}", output.name, output.of))),
            Self::Concat(_) => Err(Unresolved("a concatenated text".into())),
        }
    }

    /// Drops the type of the id, for inputs that accept any text.
    pub fn text(self) -> Input<String>
    where
        T: Into<String>,
    {
        match self {
            Self::Value(value) => Input::Value(value.into()),
            Self::Output(output) => Input::Output(output),
            Self::Concat(parts) => Input::Concat(parts),
        }
    }
}

impl Input<String> {
    /// Concatenates parts to one text.
    pub fn concat(parts: impl IntoIterator<Item = Input<String>>) -> Self {
        Self::Concat(parts.into_iter().collect())
    }
}

impl<T> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl From<&str> for Input<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Output(output) => serializer.collect_map([("$output", output)]),
            Self::Concat(parts) => serializer.collect_map([("$concat", parts)]),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut value = Value::deserialize(deserializer)?;
        if let Some(object) = value.as_object_mut() {
            if let Some(output) = object.remove("$output") {
                return serde_json::from_value(output).map(Self::Output).map_err(D::Error::custom);
            }
            if let Some(parts) = object.remove("$concat") {
                return serde_json::from_value(parts).map(Self::Concat).map_err(D::Error::custom);
            }
        }
        serde_json::from_value(value).map(Self::Value).map_err(D::Error::custom)
    }
}

/// Returns the resources that a specification refers to, each once, with the latest required moment.
pub fn needs_of(spec: &Value) -> Vec<Need> {
    let mut outputs = Vec::new();
    collect(spec, &mut outputs);
    let mut needs: Vec<Need> = Vec::new();
    for output in outputs {
        match needs.iter_mut().find(|need| need.on == output.of) {
            Some(need) => need.at = need.at.max(output.at),
            None => needs.push(Need { on: output.of, at: output.at, weak: false }),
        }
    }
    needs.sort();
    needs
}

fn reference(object: &Map<String, Value>) -> Option<OutputRef> {
    let output = object.get("$output")?;
    OutputRef::deserialize(output).ok()
}

fn collect(value: &Value, into: &mut Vec<OutputRef>) {
    match value {
        Value::Object(object) => match reference(object) {
            Some(output) => into.push(output),
            None => object.values().for_each(|inner| collect(inner, into)),
        },
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, into)),
        _ => {}
    }
}

/// Replaces every reference in a specification with the output that `lookup` returns.
///
/// # Errors
/// An output is not known, or a part of a concatenated text is not text.
pub fn resolve(spec: &Value, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Result<Value, Unresolved> {
    match spec {
        Value::Object(object) => {
            if let Some(output) = reference(object) {
                return lookup(&output).ok_or_else(|| Unresolved(format!("`{}` of {}", output.name, output.of)));
            }
            if let Some(Value::Array(parts)) = object.get("$concat") {
                let mut text = String::new();
                for part in parts {
                    match resolve(part, lookup)? {
                        Value::String(piece) => text.push_str(&piece),
                        Value::Number(number) => text.push_str(&number.to_string()),
                        other => return Err(Unresolved(format!("a part of a concatenated text is not text: {other}"))),
                    }
                }
                return Ok(Value::String(text));
            }
            let mut resolved = Map::new();
            for (key, inner) in object {
                resolved.insert(key.clone(), resolve(inner, lookup)?);
            }
            Ok(Value::Object(resolved))
        }
        Value::Array(items) => {
            items.iter().map(|inner| resolve(inner, lookup)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        other => Ok(other.clone()),
    }
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.of, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use infra_base::address::VpcId;

    #[derive(Serialize, Deserialize)]
    struct Spec {
        vpc: Input<VpcId>,
        url: Input<String>,
        port: u16,
    }

    fn spec() -> Spec {
        let vpc = Address::new("source/network/vpc");
        let alb = Address::new("source/service/alb");
        Spec {
            vpc: Input::output(&vpc, "vpc_id", Moment::Created),
            url: Input::concat(["http://".into(), Input::output(&alb, "dns_name", Moment::Ready), "/".into()]),
            port: 80,
        }
    }

    #[test]
    fn references_survive_a_round_trip_and_become_needs() {
        let value = serde_json::to_value(spec()).unwrap();
        let back: Spec = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(back.vpc, spec().vpc);
        let needs = needs_of(&value);
        assert_eq!(needs.len(), 2);
        assert_eq!((needs[0].on.as_str(), needs[0].at), ("source/network/vpc", Moment::Created));
        assert_eq!((needs[1].on.as_str(), needs[1].at), ("source/service/alb", Moment::Ready));
    }

    #[test]
    fn resolving_replaces_references_and_concatenates_texts() {
        let value = serde_json::to_value(spec()).unwrap();
        let resolved = resolve(&value, &|output| match output.name.as_str() {
            "vpc_id" => Some(json!("vpc-1")),
            "dns_name" => Some(json!("alb.example")),
            _ => None,
        })
        .unwrap();
        assert_eq!(resolved, json!({ "vpc": "vpc-1", "url": "http://alb.example/", "port": 80 }));
        let spec: Spec = serde_json::from_value(resolved).unwrap();
        assert_eq!(spec.vpc.get().unwrap().as_str(), "vpc-1");
    }

    #[test]
    fn an_unknown_output_is_named() {
        let value = serde_json::to_value(spec()).unwrap();
        let error = resolve(&value, &|_| None).unwrap_err();
        assert!(error.to_string().contains("`vpc_id` of source/network/vpc"));
    }
}
