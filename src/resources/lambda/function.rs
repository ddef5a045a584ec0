//! A Lambda function with code that this tool brings along, outside any VPC.
//!
//! Code and settings are changed in place, one after the other, because Lambda takes one change at a time.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State};
use serde::{Deserialize, Serialize};

use super::package::{Package, checksum};
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, judge, kept, missing};

const RUNTIME: Runtime = Runtime::Python313;
const ARCHITECTURE: Architecture = Architecture::Arm64;
/// How long a new role may not be assumable yet, in seconds.
const ROLE_SECONDS: u64 = 120;
/// How long a function may refuse a change because of another one, in seconds.
const BUSY_SECONDS: u64 = 180;

/// The specification of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The role it runs as, which `lambda.amazonaws.com` must be able to assume.
    pub role: Input<Arn>,
    /// Its code.
    pub package: Package,
    /// How long one run may take.
    pub timeout_seconds: i32,
    /// Its memory.
    pub memory_mb: i32,
    /// Its environment variables. They are no place for secrets.
    pub environment: BTreeMap<String, String>,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// What it is for.
    pub description: String,
    /// The role it runs as.
    pub role: Arn,
    /// The checksum of its code.
    pub code_sha256: String,
    /// The language and its version.
    pub runtime: String,
    /// What Lambda calls: file and function.
    pub handler: String,
    /// What it runs on; states of before it was kept have it as it was set.
    #[serde(default = "set")]
    pub architecture: String,
    /// How long one run may take.
    pub timeout_seconds: i32,
    /// Its memory.
    pub memory_mb: i32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The tags that this tool sets.
    pub tags: Tags,
}

impl Handle<Function> {
    /// The function's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The function's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The function's ARN, from when the function can be run.
    pub fn usable_arn(&self) -> Input<Arn> {
        self.ready("arn")
    }
}

#[async_trait]
impl Resource for Function {
    const KIND: &'static str = "lambda.function";
    const ABOUT: About = About {
        summary: "a Lambda function with code that comes with this tool",
        create_seconds: 10,
        ready_seconds: 3,
        delete_seconds: 1,
        operations: &[
            "lambda:CreateFunction",
            "lambda:GetFunction",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:DeleteFunction",
            // The function is given its role.
            "iam:PassRole",
        ],
        creates: &["lambda:CreateFunction"],
        changes: &["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:TagResource", "lambda:UntagResource"],
        deletes: &["lambda:DeleteFunction"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "a change of it that is under way",
        unique: &[&["name"]],
        mentions: &["role"],
        called_for: &[
            ("lambda:UpdateFunctionCode", &["package", "code_sha256", "architecture"]),
            (
                "lambda:UpdateFunctionConfiguration",
                &["description", "role", "package", "runtime", "handler", "timeout_seconds", "memory_mb", "environment"],
            ),
        ],
        ..About::PLAIN
    };
    type Attrs = FunctionAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&FunctionAttrs>) -> Result<Observed<FunctionAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let Some(shown) = look(cx, name).await? else { return Ok(Observed::Absent) };
        if shown.state == Some(State::Deleting) {
            wait_gone(cx, name).await?;
            return Ok(Observed::Absent);
        }
        let arn = shown.attrs.arn.0.clone();
        Ok(judge(cx, &shown.tags, &arn, || shown.attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<FunctionAttrs>) -> Result<FunctionAttrs> {
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
                let call = cx.aws.lambda.update_function_configuration().function_name(&attrs.name).description(&self.description);
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
        self.retag(cx, &attrs).await?;
        attrs.tags.extend(missing(cx, &attrs.tags));
        Ok(attrs)
    }

    async fn ready(&self, cx: &Cx, attrs: FunctionAttrs) -> Result<FunctionAttrs> {
        cx.wait(Wait::new(format!("function {} to become active", attrs.name), 2, 300), || async {
            let Some(shown) = look(cx, &attrs.name).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            let state = shown.state.as_ref().map_or("no state", State::as_str);
            let status = format!("{state}, last update {}", shown.update.as_ref().map_or("unknown", LastUpdateStatus::as_str));
            Ok(match (shown.state, shown.update) {
                (Some(state @ State::Failed), _) => Progress::Failed { status: state.as_str().to_owned(), reason: shown.reason },
                (_, Some(update @ LastUpdateStatus::Failed)) => {
                    Progress::Failed { status: format!("update {}", update.as_str()), reason: shown.reason }
                }
                // Lambda takes the resources of a function that was not called for weeks, and gives them back with the next call.
                (Some(State::Active | State::Inactive), Some(LastUpdateStatus::Successful)) => Progress::Reached(shown.attrs),
                _ => Progress::Pending(status),
            })
        })
        .await
    }

    async fn delete(&self, cx: &Cx, attrs: &FunctionAttrs) -> Result<()> {
        let call = || cx.aws.lambda.delete_function().function_name(&attrs.name).send();
        when_idle(cx, || async { settled(cx.mutate("lambda:DeleteFunction", call).await, &["ResourceNotFoundException"]).map(drop) }).await?;
        wait_gone(cx, &attrs.name).await
    }

    async fn retag(&self, cx: &Cx, attrs: &FunctionAttrs) -> Result<()> {
        let tags: HashMap<String, String> = missing(cx, &attrs.tags).into_iter().collect();
        if !tags.is_empty() {
            let call = || cx.aws.lambda.tag_resource().resource(attrs.arn.as_str()).set_tags(Some(tags.clone())).send();
            when_idle(cx, || async { cx.mutate("lambda:TagResource", call).await.map(drop) }).await?;
        }
        let remove = |keys| cx.aws.lambda.untag_resource().resource(attrs.arn.as_str()).set_tag_keys(Some(keys)).send();
        when_idle(cx, || cx.untag("lambda:UntagResource", remove)).await
    }

    fn id(attrs: &FunctionAttrs) -> String {
        attrs.arn.0.clone()
    }
}

impl Function {
    async fn create(&self, cx: &Cx, zip: &[u8]) -> Result<FunctionAttrs> {
        let role = self.role.get()?;
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        let tags: HashMap<String, String> = cx.identity.all_tags().into_iter().collect();
        let call = || {
            let call = cx.aws.lambda.create_function().function_name(&self.name).description(&self.description).role(role.as_str());
            let call = call.runtime(RUNTIME).handler(self.package.handler()).architectures(ARCHITECTURE).code(code.clone());
            let call = call.timeout(self.timeout_seconds).memory_size(self.memory_mb).environment(self.variables());
            call.set_tags(Some(tags.clone())).send()
        };
        let made = when_assumable(cx, || async { cx.mutate("lambda:CreateFunction", call).await }).await?;
        let shown = FunctionConfiguration::builder()
            .set_function_name(made.function_name)
            .set_function_arn(made.function_arn)
            .set_description(made.description)
            .set_role(made.role)
            .set_code_sha256(made.code_sha256)
            .set_runtime(made.runtime)
            .set_handler(made.handler)
            .set_architectures(made.architectures)
            .set_timeout(made.timeout)
            .set_memory_size(made.memory_size)
            .set_environment(made.environment)
            .build();
        let attrs = read(shown, cx.identity.all_tags());
        if attrs.arn.as_str().is_empty() {
            return Err(Error::Incomplete { call: "lambda:CreateFunction", what: "the ARN" });
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

/// Lambda refuses a role that it cannot assume yet with the code for any bad parameter.
async fn when_assumable<T, Fut: Future<Output = Result<T>> + Send>(cx: &Cx, call: impl Fn() -> Fut + Send) -> Result<T> {
    cx.retry("Lambda to be able to assume the role", &["InvalidParameterValueException"], ROLE_SECONDS, call).await
}

/// Lambda refuses a change while another one is under way.
async fn when_idle<Fut: Future<Output = Result<()>> + Send>(cx: &Cx, call: impl Fn() -> Fut + Send) -> Result<()> {
    cx.retry("an earlier change of the function to be finished", &["ResourceConflictException"], BUSY_SECONDS, call).await
}

struct Shown {
    state: Option<State>,
    update: Option<LastUpdateStatus>,
    reason: Option<String>,
    tags: Tags,
    attrs: FunctionAttrs,
}

async fn look(cx: &Cx, name: &str) -> Result<Option<Shown>> {
    let call = cx.aws.lambda.get_function().function_name(name).send();
    let found = settled(cx.read("lambda:GetFunction", call).await, &["ResourceNotFoundException"])?;
    let Some(found) = found else { return Ok(None) };
    let Some(shown) = found.configuration else { return Ok(None) };
    let tags: Tags = found.tags.unwrap_or_default().into_iter().collect();
    Ok(Some(Shown {
        state: shown.state.clone(),
        update: shown.last_update_status.clone(),
        reason: shown.last_update_status_reason.clone().or_else(|| shown.state_reason.clone()),
        attrs: read(shown, kept(cx, tags.clone())),
        tags,
    }))
}

/// What this tool sets.
fn set() -> String {
    ARCHITECTURE.as_str().to_owned()
}

fn read(shown: FunctionConfiguration, tags: Tags) -> FunctionAttrs {
    let architecture = shown.architectures().first().cloned();
    FunctionAttrs {
        name: shown.function_name.unwrap_or_default(),
        arn: Arn(shown.function_arn.unwrap_or_default()),
        description: shown.description.unwrap_or_default(),
        role: Arn(shown.role.unwrap_or_default()),
        code_sha256: shown.code_sha256.unwrap_or_default(),
        runtime: shown.runtime.map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: shown.handler.unwrap_or_default(),
        architecture: architecture.map_or_else(set, |one| one.as_str().to_owned()),
        timeout_seconds: shown.timeout.unwrap_or_default(),
        memory_mb: shown.memory_size.unwrap_or_default(),
        environment: shown.environment.and_then(|environment| environment.variables).unwrap_or_default().into_iter().collect(),
        tags,
    }
}

async fn wait_gone(cx: &Cx, name: &str) -> Result<()> {
    cx.wait(Wait::new(format!("function {name} to be gone"), 2, 300), || async {
        Ok(match look(cx, name).await? {
            None => Progress::Reached(()),
            Some(shown) => Progress::Pending(shown.state.map_or_else(|| "there".to_owned(), |state| state.as_str().to_owned())),
        })
    })
    .await
}
