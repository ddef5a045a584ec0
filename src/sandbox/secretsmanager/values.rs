//! The values of secrets. They are stored only in the world, which simulates AWS.

use aws_sdk_secretsmanager::operation::get_random_password::{
    GetRandomPasswordError, GetRandomPasswordInput, GetRandomPasswordOutput,
};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueInput, GetSecretValueOutput,
};
use aws_sdk_secretsmanager::operation::put_secret_value::{
    PutSecretValueError, PutSecretValueInput, PutSecretValueOutput,
};

use super::lookup::{find, find_active};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::secretsmanager::Version;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "secretsmanager",
        "GetSecretValue",
        &["secret_id", "version_id", "version_stage"],
        GetSecretValueError::generic,
        get,
    );
    registry.on(
        "secretsmanager",
        "PutSecretValue",
        &["secret_id", "client_request_token", "secret_string"],
        PutSecretValueError::generic,
        put,
    );
    let fields = &["password_length", "exclude_characters", "exclude_punctuation", "require_each_included_type"];
    registry.on("secretsmanager", "GetRandomPassword", fields, GetRandomPasswordError::generic, random);
}

/// "Length Constraints: Minimum length of 32. Maximum length of 64."
pub(super) fn check_token(token: &str) -> Result<(), Rejection> {
    match (32..=64).contains(&token.len()) {
        true => Ok(()),
        false => refuse("InvalidParameterException", "ClientRequestToken must be 32-64 characters long."),
    }
}

fn get(call: &mut Call<'_>, input: &GetSecretValueInput) -> Result<GetSecretValueOutput, Rejection> {
    let id = input.secret_id().unwrap_or_default();
    let replica = find(call, id)
        .ok()
        .and_then(|secret| Some((secret.primary_region.clone()?, secret.name.clone(), secret.arn.clone())));
    if let Some((region, name, arn)) = replica {
        // A replica has the value of its primary.
        let primary = call.world.region(&region).secretsmanager.secrets.get(&name);
        let Some((id, version)) = primary.and_then(|primary| primary.version("AWSCURRENT")) else {
            return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        };
        return Ok(GetSecretValueOutput::builder()
            .arn(arn)
            .name(name)
            .version_id(id)
            .secret_string(&version.value)
            .build());
    }
    let secret = find_active(call, id)?;
    let stage = input.version_stage().or(input.version_id().is_none().then_some("AWSCURRENT"));
    let is_meant = |(id, version): &(&String, &Version)| {
        input.version_id().is_none_or(|wanted| *id == wanted)
            && stage.is_none_or(|stage| version.stages.contains(stage))
            && !version.value.is_empty()
    };
    let Some((id, version)) = secret.versions.iter().find(is_meant) else {
        let text = format!(
            "Secrets Manager can't find the specified secret value for staging label: {}",
            stage.unwrap_or_default()
        );
        return refuse("ResourceNotFoundException", text);
    };
    Ok(GetSecretValueOutput::builder()
        .arn(&secret.arn)
        .name(&secret.name)
        .version_id(id)
        .secret_string(&version.value)
        .build())
}

fn put(call: &mut Call<'_>, input: &PutSecretValueInput) -> Result<PutSecretValueOutput, Rejection> {
    let token = input.client_request_token().unwrap_or_default();
    check_token(token)?;
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    let value = input.secret_string().unwrap_or_default();
    // "If a version with this value already exists and that version's contents match, the request is ignored. If they
    // are different, the request fails, because you can't modify an existing version."
    match secret.versions.get(token) {
        Some(version) if version.value == value => {}
        Some(_) => {
            return refuse(
                "ResourceExistsException",
                "You can't use that ClientRequestToken: a version with other contents has it.",
            );
        }
        None => {
            for version in secret.versions.values_mut() {
                version.stages.remove("AWSPREVIOUS");
                if version.stages.remove("AWSCURRENT") {
                    version.stages.insert("AWSPREVIOUS".to_owned());
                }
            }
            let version = Version { value: value.to_owned(), stages: ["AWSCURRENT".to_owned()].into() };
            secret.versions.insert(token.to_owned(), version);
        }
    }
    Ok(PutSecretValueOutput::builder().arn(&secret.arn).name(&secret.name).version_id(token).build())
}

fn random(call: &mut Call<'_>, input: &GetRandomPasswordInput) -> Result<GetRandomPasswordOutput, Rejection> {
    let length = usize::try_from(input.password_length().unwrap_or(32)).unwrap_or_default();
    if !(1..=4096).contains(&length) {
        return refuse("InvalidParameterException", "Password length must be between 1 and 4096.");
    }
    if input.exclude_punctuation() != Some(true) {
        return refuse("SandboxUnknownMember", "the sandbox does not generate punctuation: set ExcludePunctuation");
    }
    let excluded = input.exclude_characters().unwrap_or_default();
    let types: [Vec<char>; 3] = [('a'..='z').collect(), ('A'..='Z').collect(), ('0'..='9').collect()]
        .map(|kind: Vec<char>| kind.into_iter().filter(|char| !excluded.contains(*char)).collect());
    if length < types.len() || types.iter().any(Vec::is_empty) {
        return refuse("InvalidParameterException", "The password cannot hold one character of each type.");
    }
    let mut password = String::new();
    while password.len() < length {
        // One character of each type in turn, each selected by two random digits.
        let draw = call.world.random_hex();
        for pair in draw.as_bytes().chunks(2).take(length - password.len()) {
            let number = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| usize::from_str_radix(pair, 16).ok())
                .unwrap_or_default();
            let kind = &types[password.len() % types.len()];
            password.push(kind[number % kind.len()]);
        }
    }
    Ok(GetRandomPasswordOutput::builder().random_password(password).build())
}
