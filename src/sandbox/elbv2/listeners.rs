//! Listeners.

use aws_sdk_elasticloadbalancingv2::operation::create_listener::{
    CreateListenerError, CreateListenerInput, CreateListenerOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::delete_listener::{
    DeleteListenerError, DeleteListenerInput, DeleteListenerOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::{
    DescribeListenersError, DescribeListenersInput, DescribeListenersOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::modify_listener::{
    ModifyListenerError, ModifyListenerInput, ModifyListenerOutput,
};
use aws_sdk_elasticloadbalancingv2::types::{Action as SdkAction, Certificate, ProtocolEnum};

use super::names::{SERVICE, arn_suffix};
use super::propagation::supersede_routing;
use super::{actions, tags};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::account_facts::CertificateStatus;
use crate::world::elbv2::{Elbv2, Listener, ListenerSettings};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["load_balancer_arn", "protocol", "port", "ssl_policy", "certificates", "default_actions", "tags"];
    registry.on(SERVICE, "CreateListener", fields, CreateListenerError::generic, create);
    registry.on(
        SERVICE,
        "DescribeListeners",
        &["load_balancer_arn", "listener_arns"],
        DescribeListenersError::generic,
        describe,
    );
    let fields = &["listener_arn", "protocol", "port", "ssl_policy", "certificates", "default_actions"];
    registry.on(SERVICE, "ModifyListener", fields, ModifyListenerError::generic, modify);
    registry.on(SERVICE, "DeleteListener", &["listener_arn"], DeleteListenerError::generic, delete);
}

/// The policies that the sandbox supports ("Security policies for your Application Load Balancer").
const POLICIES: &[&str] = &[
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
];

struct RequestedSettings<'a> {
    port: Option<i32>,
    protocol: Option<&'a ProtocolEnum>,
    certificates: &'a [Certificate],
    ssl_policy: Option<&'a str>,
    actions: &'a [SdkAction],
}

/// Returns the requested settings after validation. Omitted ones are taken from `before`.
fn settings(
    call: &mut Call<'_>,
    load_balancer_arn: &str,
    before: Option<&ListenerSettings>,
    requested: &RequestedSettings<'_>,
) -> Result<ListenerSettings, Rejection> {
    let Some(vpc_id) =
        call.region_state().elbv2.load_balancers.get(load_balancer_arn).map(|balancer| balancer.vpc_id.clone())
    else {
        return refuse("LoadBalancerNotFound", format!("Load balancer '{load_balancer_arn}' not found"));
    };
    let port = requested.port.or(before.map(|before| before.port)).unwrap_or_default();
    if !(1..=65535).contains(&port) {
        return refuse("ValidationError", format!("Port '{port}' is not valid"));
    }
    let protocol = requested
        .protocol
        .map(|protocol| protocol.as_str().to_owned())
        .or(before.map(|before| before.protocol.clone()))
        .unwrap_or_default();
    let (certificate_arn, ssl_policy) = match protocol.as_str() {
        "HTTP" if requested.certificates.is_empty() && requested.ssl_policy.is_none() => (None, None),
        "HTTP" => return refuse("ValidationError", "Certificates and security policies are for HTTPS listeners only"),
        "HTTPS" => {
            let certificate = requested.certificates.first().and_then(|one| one.certificate_arn()).map(str::to_owned);
            let certificate = certificate.or(before.and_then(|before| before.certificate_arn.clone()));
            let Some(certificate) = certificate else {
                return refuse("ValidationError", "A certificate must be specified for HTTPS listeners");
            };
            if !certificate.contains(":acm:") || !certificate.contains(&format!(":{}:", call.region)) {
                return refuse("CertificateNotFound", format!("Certificate '{certificate}' not found"));
            }
            // The message for a certificate that is not validated yet (terraform-provider-aws#41789,
            // medplum#5804).
            if call.world.certificate(&certificate).is_some_and(|known| known.status != CertificateStatus::Issued) {
                return refuse(
                    "UnsupportedCertificate",
                    format!(
                        "The certificate '{certificate}' must have a fully-qualified domain name, a supported \
                         signature, and a supported key size."
                    ),
                );
            }
            let policy =
                requested.ssl_policy.map(str::to_owned).or(before.and_then(|before| before.ssl_policy.clone()));
            let policy = policy.unwrap_or_else(|| "ELBSecurityPolicy-2016-08".to_owned());
            if !POLICIES.contains(&policy.as_str()) {
                return refuse("SSLPolicyNotFound", format!("SSL policy '{policy}' not found"));
            }
            (Some(certificate), Some(policy))
        }
        other => {
            return refuse(
                "UnsupportedProtocol",
                format!("Protocol '{other}' is not supported by application load balancers"),
            );
        }
    };
    let action = match (requested.actions, before) {
        ([], Some(before)) => before.action.clone(),
        (requested, _) => actions::from_sdk(&call.region_state().elbv2, &vpc_id, requested)?,
    };
    Ok(ListenerSettings { port, protocol, certificate_arn, ssl_policy, action })
}

fn check_port(elb: &Elbv2, load_balancer_arn: &str, port: i32, itself: Option<&str>) -> Result<(), Rejection> {
    let taken = |listener: &Listener| listener.load_balancer_arn == load_balancer_arn && listener.settings.port == port;
    if elb.listeners.values().any(|listener| taken(listener) && Some(listener.arn.as_str()) != itself) {
        return refuse("DuplicateListener", "A listener already exists on this port for this load balancer");
    }
    Ok(())
}

fn create(call: &mut Call<'_>, input: &CreateListenerInput) -> Result<CreateListenerOutput, Rejection> {
    let load_balancer_arn = input.load_balancer_arn().unwrap_or_default().to_owned();
    let (port, protocol, ssl_policy) = (input.port(), input.protocol(), input.ssl_policy());
    let requested = RequestedSettings {
        port,
        protocol,
        certificates: input.certificates(),
        ssl_policy,
        actions: input.default_actions(),
    };
    let settings = settings(call, &load_balancer_arn, None, &requested)?;
    let requested_tags = tags::from_sdk(input.tags());
    let taken = |listener: &&Listener| {
        listener.load_balancer_arn == load_balancer_arn
            && listener.settings == settings
            && listener.tags == requested_tags
    };
    // "This operation is idempotent … If you attempt to create multiple listeners with the same settings, each call
    // succeeds" (CreateListener).
    if let Some(same) = call.region_state().elbv2.listeners.values().find(taken) {
        return Ok(CreateListenerOutput::builder().listeners(to_sdk(same)).build());
    }
    check_port(&call.region_state().elbv2, &load_balancer_arn, settings.port, None)?;
    let id = arn_suffix(call);
    let arn = format!("{}/{id}", load_balancer_arn.replacen(":loadbalancer/", ":listener/", 1));
    let listener = Listener { arn: arn.clone(), load_balancer_arn, settings, tags: requested_tags };
    let answer = to_sdk(&listener);
    call.region_state().elbv2.listeners.insert(arn, listener);
    Ok(CreateListenerOutput::builder().listeners(answer).build())
}

fn to_sdk(listener: &Listener) -> aws_sdk_elasticloadbalancingv2::types::Listener {
    let settings = &listener.settings;
    let certificates =
        settings.certificate_arn.iter().map(|arn| Certificate::builder().certificate_arn(arn).build()).collect();
    aws_sdk_elasticloadbalancingv2::types::Listener::builder()
        .listener_arn(&listener.arn)
        .load_balancer_arn(&listener.load_balancer_arn)
        .port(settings.port)
        .protocol(ProtocolEnum::from(settings.protocol.as_str()))
        .set_ssl_policy(settings.ssl_policy.clone())
        .set_certificates(Some(certificates))
        .default_actions(actions::to_sdk(&settings.action))
        .build()
}

fn not_found<T>(arn: &str) -> Result<T, Rejection> {
    refuse("ListenerNotFound", format!("One or more listeners not found: {arn}"))
}

fn describe(call: &mut Call<'_>, input: &DescribeListenersInput) -> Result<DescribeListenersOutput, Rejection> {
    let elb = &call.region_state().elbv2;
    if let Some(missing) = input.listener_arns().iter().find(|arn| !elb.listeners.contains_key(*arn)) {
        return not_found(missing);
    }
    // "You must specify either a load balancer or one or more listeners" (DescribeListeners).
    match (input.load_balancer_arn(), input.listener_arns()) {
        (None, []) => return refuse("ValidationError", "You must specify either listener ARNs or a load balancer ARN"),
        (Some(arn), _) if !elb.load_balancers.contains_key(arn) => {
            return refuse("LoadBalancerNotFound", format!("Load balancer '{arn}' not found"));
        }
        _ => {}
    }
    let requested = |listener: &&Listener| {
        input.load_balancer_arn().is_none_or(|arn| listener.load_balancer_arn == arn)
            && (input.listener_arns().is_empty() || input.listener_arns().contains(&listener.arn))
    };
    Ok(DescribeListenersOutput::builder()
        .set_listeners(Some(elb.listeners.values().filter(requested).map(to_sdk).collect()))
        .build())
}

fn modify(call: &mut Call<'_>, input: &ModifyListenerInput) -> Result<ModifyListenerOutput, Rejection> {
    let arn = input.listener_arn().unwrap_or_default();
    let Some(mut listener) = call.region_state().elbv2.listeners.get(arn).cloned() else { return not_found(arn) };
    let (port, protocol, ssl_policy) = (input.port(), input.protocol(), input.ssl_policy());
    let requested = RequestedSettings {
        port,
        protocol,
        certificates: input.certificates(),
        ssl_policy,
        actions: input.default_actions(),
    };
    let settings = settings(call, &listener.load_balancer_arn, Some(&listener.settings), &requested)?;
    check_port(&call.region_state().elbv2, &listener.load_balancer_arn, settings.port, Some(arn))?;
    if settings.action != listener.settings.action {
        supersede_routing(call, arn);
    }
    listener.settings = settings;
    let answer = to_sdk(&listener);
    call.region_state().elbv2.listeners.insert(arn.to_owned(), listener);
    Ok(ModifyListenerOutput::builder().listeners(answer).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteListenerInput) -> Result<DeleteListenerOutput, Rejection> {
    let arn = input.listener_arn().unwrap_or_default();
    match call.region_state().elbv2.remove_listener(arn) {
        true => Ok(DeleteListenerOutput::builder().build()),
        false => not_found(arn),
    }
}
