//! A Lambda function outside any VPC, with code that is part of this tool.
//!
//! Code and settings are changed in place, one after the other, because Lambda accepts one change at a time.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State,
};
use serde::{Deserialize, Serialize};

use super::package::{Package, checksum};
use super::retry::when_idle;
use super::tagging;
use crate::ownership::{Tags, classify};
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const RUNTIME: Runtime = Runtime::Python313;
const ARCHITECTURE: Architecture = Architecture::Arm64;
/// How long a new role can be unusable, in seconds.
const ROLE_SECONDS: u64 = 120;

/// The specification of a function.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "lambda.function",
    summary = "a Lambda function with code that is part of this tool",
    repeat = "name",
    arns("lambda:function:"),
    create_seconds = 10,
    ready_seconds = 3,
    delete_seconds = 1,
    tagger = tagging::Lambda,
    delete_blockers = "a change of it that is in progress",
    reads("lambda:GetFunction"),
    creates("lambda:CreateFunction"),
    // These follow from `package`, but show as attributes of their own.
    call_triggers(call = "lambda:UpdateFunctionCode", on("code_sha256", "architecture")),
    call_triggers(call = "lambda:UpdateFunctionConfiguration", on("runtime", "handler")),
    deletes("lambda:DeleteFunction"),
    // For the role of the function.
    permissions("iam:PassRole"),
)]
pub struct Function {
    /// Its name.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it is for.
    #[update(call = "lambda:UpdateFunctionConfiguration")]
    pub description: String,
    /// The role it runs as, which `lambda.amazonaws.com` must be able to assume.
    #[weak_ref]
    #[update(call = "lambda:UpdateFunctionConfiguration")]
    pub role: Input<Arn>,
    /// Its code.
    #[update(call = "lambda:UpdateFunctionCode", call = "lambda:UpdateFunctionConfiguration")]
    pub package: Package,
    /// The timeout of one invocation.
    #[update(call = "lambda:UpdateFunctionConfiguration")]
    pub timeout_seconds: i32,
    /// Its memory.
    #[update(call = "lambda:UpdateFunctionConfiguration")]
    pub memory_mb: i32,
    /// Its environment variables. Do not put secrets into them.
    #[update(call = "lambda:UpdateFunctionConfiguration")]
    pub environment: BTreeMap<String, String>,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct FunctionAttrs {
    /// Its name.
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[id]
    #[output(created)]
    #[output(ready, name = "usable_arn", doc = "The function's ARN, once the function can be invoked.")]
    pub arn: Arn,
    /// What it is for.
    pub description: String,
    /// The role it runs as.
    pub role: Arn,
    /// The checksum of its code.
    pub code_sha256: String,
    /// The language and its version.
    pub runtime: String,
    /// The handler: file and function.
    pub handler: String,
    /// Its architecture. Older states lack it and have the value that was set.
    #[serde(default = "set")]
    pub architecture: String,
    /// The timeout of one invocation.
    pub timeout_seconds: i32,
    /// Its memory.
    pub memory_mb: i32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
}

#[async_trait]
impl Resource for Function {
    async fn observe(&self, cx: &StepContext, known: Option<&FunctionAttrs>) -> Result<Observed<FunctionAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let Some(current) = describe(cx, name).await? else { return Ok(Observed::Absent) };
        if current.state == Some(State::Deleting) {
            wait_gone(cx, name).await?;
            return Ok(Observed::Absent);
        }
        let arn = current.attrs.arn.0.clone();
        Ok(classify(cx, &current.tags, &arn, || current.attrs))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(name) = arn.id_after("lambda:function:") else { return Ok(true) };
        Ok(describe(cx, name).await?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<FunctionAttrs>) -> Result<FunctionAttrs> {
        let zip = self.package.zip()?;
        let Some(mut attrs) = seen else { return self.create(cx, &zip).await };
        let wanted_code = checksum(&zip);
        if attrs.code_sha256 != wanted_code || attrs.architecture != ARCHITECTURE.as_str() {
            let code = Blob::new(zip);
            let call = || {
                let call = cx.aws.lambda.update_function_code().function_name(&attrs.name);
                call.zip_file(code.clone()).architectures(ARCHITECTURE).send()
            };
            when_idle(cx, || async { cx.mutate("lambda:UpdateFunctionCode", call).await.map(drop) }).await?;
            attrs.code_sha256 = wanted_code;
            attrs.architecture = set();
        }
        if !self.is_in(&attrs)? {
            let role = self.role.get()?;
            let call = || {
                let call = cx
                    .aws
                    .lambda
                    .update_function_configuration()
                    .function_name(&attrs.name)
                    .description(&self.description);
                let call = call.role(role.as_str()).runtime(RUNTIME).handler(self.package.handler());
                call.timeout(self.timeout_seconds).memory_size(self.memory_mb).environment(self.variables()).send()
            };
            let update = || async { cx.mutate("lambda:UpdateFunctionConfiguration", call).await.map(drop) };
            when_idle(cx, || when_assumable(cx, update)).await?;
            attrs.description.clone_from(&self.description);
            attrs.role = role.clone();
            RUNTIME.as_str().clone_into(&mut attrs.runtime);
            self.package.handler().clone_into(&mut attrs.handler);
            attrs.timeout_seconds = self.timeout_seconds;
            attrs.memory_mb = self.memory_mb;
            attrs.environment.clone_from(&self.environment);
        }
        Ok(attrs)
    }

    async fn ready(&self, cx: &StepContext, attrs: FunctionAttrs) -> Result<FunctionAttrs> {
        cx.wait(Wait::new(format!("function {} to become active", attrs.name), 2, 300), || async {
            let Some(current) = describe(cx, &attrs.name).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            let state = current.state.as_ref().map_or("no state", State::as_str);
            let status =
                format!("{state}, last update {}", current.update.as_ref().map_or("unknown", LastUpdateStatus::as_str));
            Ok(match (current.state, current.update) {
                (Some(state @ State::Failed), _) => {
                    Progress::Failed { status: state.as_str().to_owned(), reason: current.reason }
                }
                (_, Some(update @ LastUpdateStatus::Failed)) => {
                    Progress::Failed { status: format!("update {}", update.as_str()), reason: current.reason }
                }
                // Lambda releases the resources of a function that was not invoked for weeks, and restores them at the
                // next invocation.
                (Some(State::Active | State::Inactive), Some(LastUpdateStatus::Successful)) => {
                    Progress::Reached(current.attrs)
                }
                _ => Progress::Pending(status),
            })
        })
        .await
    }

    async fn delete(&self, cx: &StepContext, attrs: &FunctionAttrs) -> Result<()> {
        let call = || cx.aws.lambda.delete_function().function_name(&attrs.name).send();
        when_idle(cx, || async {
            ignore_codes(cx.mutate("lambda:DeleteFunction", call).await, &["ResourceNotFoundException"]).map(drop)
        })
        .await?;
        wait_gone(cx, &attrs.name).await
    }
}

impl Function {
    async fn create(&self, cx: &StepContext, zip: &[u8]) -> Result<FunctionAttrs> {
        let role = self.role.get()?;
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        let tags: HashMap<String, String> = cx.identity.all_tags().into_iter().collect();
        let call = || {
            let call = cx
                .aws
                .lambda
                .create_function()
                .function_name(&self.name)
                .description(&self.description)
                .role(role.as_str());
            let call =
                call.runtime(RUNTIME).handler(self.package.handler()).architectures(ARCHITECTURE).code(code.clone());
            let call = call.timeout(self.timeout_seconds).memory_size(self.memory_mb).environment(self.variables());
            call.set_tags(Some(tags.clone())).send()
        };
        let created = when_assumable(cx, || async { cx.mutate("lambda:CreateFunction", call).await }).await?;
        let current = FunctionConfiguration::builder()
            .set_function_name(created.function_name)
            .set_function_arn(created.function_arn)
            .set_description(created.description)
            .set_role(created.role)
            .set_code_sha256(created.code_sha256)
            .set_runtime(created.runtime)
            .set_handler(created.handler)
            .set_architectures(created.architectures)
            .set_timeout(created.timeout)
            .set_memory_size(created.memory_size)
            .set_environment(created.environment)
            .build();
        let attrs = read(current);
        if attrs.arn.as_str().is_empty() {
            return Err(Error::MissingField { call: "lambda:CreateFunction", what: "the ARN" });
        }
        Ok(attrs)
    }

    fn is_in(&self, attrs: &FunctionAttrs) -> Result<bool> {
        Ok(attrs.description == self.description
            && attrs.role == *self.role.get()?
            && attrs.runtime == RUNTIME.as_str()
            && attrs.handler == self.package.handler()
            && attrs.timeout_seconds == self.timeout_seconds
            && attrs.memory_mb == self.memory_mb
            && attrs.environment == self.environment)
    }

    fn variables(&self) -> Environment {
        Environment::builder().set_variables(Some(self.environment.clone().into_iter().collect())).build()
    }
}

/// Repeats a call while Lambda cannot assume the role. The error code is that of any invalid parameter.
async fn when_assumable<T, Fut: Future<Output = Result<T>> + Send>(
    cx: &StepContext,
    call: impl Fn() -> Fut + Send,
) -> Result<T> {
    cx.retry("Lambda to be able to assume the role", &["InvalidParameterValueException"], ROLE_SECONDS, call).await
}

struct Description {
    state: Option<State>,
    update: Option<LastUpdateStatus>,
    reason: Option<String>,
    tags: Tags,
    attrs: FunctionAttrs,
}

async fn describe(cx: &StepContext, name: &str) -> Result<Option<Description>> {
    let call = cx.aws.lambda.get_function().function_name(name).send();
    let found = ignore_codes(cx.read("lambda:GetFunction", call).await, &["ResourceNotFoundException"])?;
    let Some(found) = found else { return Ok(None) };
    let Some(current) = found.configuration else { return Ok(None) };
    let tags: Tags = found.tags.unwrap_or_default().into_iter().collect();
    Ok(Some(Description {
        state: current.state.clone(),
        update: current.last_update_status.clone(),
        reason: current.last_update_status_reason.clone().or_else(|| current.state_reason.clone()),
        attrs: read(current),
        tags,
    }))
}

/// What this tool sets.
fn set() -> String {
    ARCHITECTURE.as_str().to_owned()
}

fn read(current: FunctionConfiguration) -> FunctionAttrs {
    let architecture = current.architectures().first().cloned();
    FunctionAttrs {
        name: current.function_name.unwrap_or_default(),
        arn: Arn(current.function_arn.unwrap_or_default()),
        description: current.description.unwrap_or_default(),
        role: Arn(current.role.unwrap_or_default()),
        code_sha256: current.code_sha256.unwrap_or_default(),
        runtime: current.runtime.map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: current.handler.unwrap_or_default(),
        architecture: architecture.map_or_else(set, |one| one.as_str().to_owned()),
        timeout_seconds: current.timeout.unwrap_or_default(),
        memory_mb: current.memory_size.unwrap_or_default(),
        environment: current
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default()
            .into_iter()
            .collect(),
    }
}

async fn wait_gone(cx: &StepContext, name: &str) -> Result<()> {
    cx.wait(Wait::new(format!("function {name} to be deleted"), 2, 300), || async {
        Ok(match describe(cx, name).await? {
            None => Progress::Reached(()),
            Some(current) => {
                Progress::Pending(current.state.map_or_else(|| "there".to_owned(), |state| state.as_str().to_owned()))
            }
        })
    })
    .await
}
