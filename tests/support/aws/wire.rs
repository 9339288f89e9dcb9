//! The wire: which service and operation a request names, and how its answer is written.

use axum::{
    body::Body,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Cbor,
    Json,
    Query,
    Rest,
    RestXml,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    pub service: &'static str,
    pub operation: String,
    pub body: Value,
    pub protocol: Protocol,
}

/// An error as AWS words it.
#[derive(Clone, Debug)]
pub struct AwsError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl AwsError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    pub fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    pub fn denied(operation: &str) -> Self {
        let message =
            format!("User: arn:aws:sts::123456789012:assumed-role/banto is not authorized to perform: {operation}");
        Self::new(403, "AccessDeniedException", message)
    }

    pub fn unknown(operation: &str) -> Self {
        Self::new(404, "UnknownOperationException", format!("the double has no {operation}"))
    }
}

/// Understands a request; `None` when it is no call of a known service.
pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Call> {
    let path: Vec<_> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    match (path.as_slice(), target) {
        (["service", "GraniteServiceVersion20100801", "operation", operation], _) => {
            let body = if body.is_empty() { json!({}) } else { from_cbor(&ciborium::from_reader(body).ok()?) };
            Some(call("cloudwatch", operation, body, Protocol::Cbor))
        }
        (_, Some(target)) => {
            let (prefix, operation) = target.rsplit_once('.')?;
            let service = match prefix {
                "Logs_20140328" => "logs",
                "AmazonEC2ContainerServiceV20141113" => "ecs",
                "AmazonSSM" => "ssm",
                "AmazonSQS" => "sqs",
                _ => return None,
            };
            Some(call(service, operation, serde_json::from_slice(body).ok()?, Protocol::Json))
        }
        (["2020-05-31", "distribution", id, "invalidation"], _) if method == Method::POST => {
            let body = json!({ "DistributionId": id, "Xml": String::from_utf8_lossy(body) });
            Some(call("cloudfront", "CreateInvalidation", body, Protocol::RestXml))
        }
        (["guardrail", id, "version", version, "apply"], _) if method == Method::POST => {
            let mut body: Value = serde_json::from_slice(body).ok()?;
            body["guardrailIdentifier"] = json!(id);
            body["guardrailVersion"] = json!(version);
            Some(call("guardrail", "ApplyGuardrail", body, Protocol::Rest))
        }
        (["usageplans", plan], _) => {
            let operation = if method == Method::PATCH { "UpdateUsagePlan" } else { "GetUsagePlan" };
            let mut body: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
            body["usagePlanId"] = json!(plan);
            Some(call("rest", operation, body, Protocol::Rest))
        }
        ([operation], _) => Some(call("rest", operation, serde_json::from_slice(body).ok()?, Protocol::Rest)),
        ([], _) => {
            let form: Map<_, _> = form(body).collect();
            let operation = form.get("Action")?.as_str()?.to_owned();
            let service = match form.get("Version")?.as_str()? {
                "2010-03-31" => "sns",
                "2015-02-02" => "elasticache",
                _ => return None,
            };
            Some(call(service, &operation, Value::Object(form), Protocol::Query))
        }
        _ => None,
    }
}

fn call(service: &'static str, operation: &str, body: Value, protocol: Protocol) -> Call {
    Call { service, operation: operation.to_owned(), body, protocol }
}

/// Writes the answer in the words of the call's protocol.
pub fn write(call: &Call, answer: &Result<Value, AwsError>) -> Response {
    let (status, kind, body) = match (call.protocol, answer) {
        (Protocol::Cbor, Ok(value)) => (200, "application/cbor", cbor_bytes(value)),
        (Protocol::Cbor, Err(e)) => {
            let body = json!({ "__type": format!("com.amazonaws.cloudwatch#{}", e.code), "message": e.message });
            (e.status, "application/cbor", cbor_bytes(&body))
        }
        (Protocol::Query, Ok(value)) => (200, "text/xml", query_answer(call, value).into_bytes()),
        (Protocol::Query, Err(e)) => (e.status, "text/xml", query_error(call, e).into_bytes()),
        (Protocol::RestXml, Ok(value)) => (201, "text/xml", xml("Invalidation", value).into_bytes()),
        (Protocol::RestXml, Err(e)) => (e.status, "text/xml", query_error(call, e).into_bytes()),
        (_, Ok(value)) => (200, "application/x-amz-json-1.1", value.to_string().into_bytes()),
        (_, Err(e)) => {
            let body = json!({ "__type": e.code, "message": e.message });
            (e.status, "application/x-amz-json-1.1", body.to_string().into_bytes())
        }
    };
    let mut response =
        Response::builder().status(StatusCode::from_u16(status).expect("a status")).header("content-type", kind);
    if call.protocol == Protocol::Cbor {
        response = response.header("smithy-protocol", "rpc-v2-cbor");
    }
    if let (Protocol::Rest, Err(e)) = (call.protocol, answer) {
        response = response.header("x-amzn-errortype", &e.code);
    }
    response.body(Body::from(body)).expect("valid")
}

fn namespace(call: &Call) -> &'static str {
    match call.service {
        "elasticache" => "http://elasticache.amazonaws.com/doc/2015-02-02/",
        "cloudfront" => "http://cloudfront.amazonaws.com/doc/2020-05-31/",
        _ => "http://sns.amazonaws.com/doc/2010-03-31/",
    }
}

fn query_answer(call: &Call, value: &Value) -> String {
    let (operation, namespace) = (&call.operation, namespace(call));
    let result = xml(&format!("{operation}Result"), value);
    format!(
        "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
}

/// A value as an element; a list is the same element several times.
fn xml(name: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let inner: String = fields.iter().map(|(name, value)| xml(name, value)).collect();
            format!("<{name}>{inner}</{name}>")
        }
        Value::Array(items) => items.iter().map(|item| xml(name, item)).collect(),
        Value::String(text) => format!("<{name}>{}</{name}>", text.replace('&', "&amp;").replace('<', "&lt;")),
        other => format!("<{name}>{other}</{name}>"),
    }
}

fn query_error(call: &Call, e: &AwsError) -> String {
    format!(
        "<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>r</RequestId></ErrorResponse>",
        namespace(call),
        e.code,
        e.message
    )
}

/// `a=b&c=d`, percent-decoded.
fn form(body: &[u8]) -> impl Iterator<Item = (String, Value)> {
    let text = String::from_utf8_lossy(body).into_owned();
    let pairs: Vec<_> =
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decode(k), json!(decode(v)))).collect();
    pairs.into_iter()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let hex = [*high, *low];
                let hex = std::str::from_utf8(&hex).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                bytes.extend(hex);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// CBOR to JSON: times become seconds.
fn from_cbor(value: &Cbor) -> Value {
    match value {
        Cbor::Integer(n) => json!(i64::try_from(*n).unwrap_or_default()),
        Cbor::Float(n) => json!(n),
        Cbor::Text(text) => json!(text),
        Cbor::Bool(flag) => json!(flag),
        Cbor::Tag(_, inner) => from_cbor(inner),
        Cbor::Array(items) => items.iter().map(from_cbor).collect(),
        Cbor::Map(pairs) => {
            let field = |(key, value): &(Cbor, Cbor)| Some((key.as_text()?.to_owned(), from_cbor(value)));
            Value::Object(pairs.iter().filter_map(field).collect())
        }
        _ => Value::Null,
    }
}

const TIMES: [&str; 5] = [
    "Timestamps",
    "LastModified",
    "StateUpdatedTimestamp",
    "AlarmConfigurationUpdatedTimestamp",
    "StateTransitionedTimestamp",
];
const DOUBLES: [&str; 2] = ["Values", "Threshold"];

fn cbor_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&to_cbor("", value), &mut bytes).expect("writes to memory");
    bytes
}

/// JSON to CBOR: the field's name says whether a number is a time, a double or an integer.
fn to_cbor(name: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Number(n) if TIMES.contains(&name) => {
            Cbor::Tag(1, Box::new(Cbor::Float(n.as_f64().unwrap_or_default())))
        }
        Value::Number(n) if DOUBLES.contains(&name) => Cbor::Float(n.as_f64().unwrap_or_default()),
        Value::Number(n) => n.as_i64().map_or_else(|| Cbor::Float(n.as_f64().unwrap_or_default()), Cbor::from),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| to_cbor(name, item)).collect()),
        Value::Object(fields) => {
            Cbor::Map(fields.iter().map(|(key, value)| (Cbor::from(key.as_str()), to_cbor(key, value))).collect())
        }
    }
}
