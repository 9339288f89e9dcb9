//! CloudFront invalidations, signed by hand. The target is the distribution, the value its paths with commas.
//!
//! The order's id is the caller reference: CloudFront makes one invalidation of it, however often it is asked.

use bytes::Bytes;

use super::{
    account::Account,
    classify::Doing,
    fault::Fault,
    signed::{Call, Signed},
    xml::{Element, escape},
};
use crate::{
    clock::Clock,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    outbound::{Outbound, Response},
};

/// CloudFront is one for the whole world, and signed for this region.
const WHERE: (&str, &str) = ("cloudfront.amazonaws.com", "us-east-1");
const VERSION: &str = "2020-05-31";
const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

/// Invalidates paths of a distribution.
#[derive(Clone, Debug)]
pub struct CdnInvalidation(Signed);

impl CdnInvalidation {
    /// Nothing is asked before the first call.
    pub fn new(account: Account, outbound: Outbound, clock: Clock) -> Self {
        Self(Signed::global("cloudfront", WHERE, account, outbound, clock))
    }
}

#[async_trait::async_trait]
impl Actuator for CdnInvalidation {
    /// An invalidation has no state to be compared: it is asked for, once.
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, target: &str, to: &str, _: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ActError::Refused(format!(
                "`{target}` is no distribution: write its id, such as E2QWRUHAPOMQZL"
            )));
        }
        let paths: Vec<_> = to.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
        if paths.is_empty() {
            return Err(ActError::Refused("no paths: an empty target never means everything".into()));
        }
        let doing = Doing { action: "cloudfront:CreateInvalidation", target };
        let body = batch(&paths, &stamp.token);
        let path = format!("/{VERSION}/distribution/{target}/invalidation");
        let headers = [("content-type", "application/xml")];
        let answer = self.0.send(doing, Call { method: "POST", path: &path, headers: &headers, body: &body }).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(refusal(doing, &answer).into())
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

fn refusal(doing: Doing<'_>, answer: &Response) -> Fault {
    let root = Element::read(&answer.body).unwrap_or_default();
    let code = root.text_at(&["Error", "Code"]).unwrap_or_default();
    let message = root.text_at(&["Error", "Message"]).unwrap_or_default();
    match code {
        // Up to 15 with a wildcard may be under way at once.
        "TooManyInvalidationsInProgress" => Fault::Throttled(format!(
            "{} on {} has to wait: CloudFront works on as many invalidations as it takes at once",
            doing.action, doing.target
        )),
        _ => doing.answered(code, message, answer.status.as_u16()),
    }
}

fn batch(paths: &[&str], reference: &str) -> Bytes {
    let items: String = paths.iter().map(|path| format!("<Path>{}</Path>", escape(path))).collect();
    let (quantity, reference) = (paths.len(), escape(reference));
    format!(
        "<InvalidationBatch xmlns=\"{NAMESPACE}\"><Paths><Quantity>{quantity}</Quantity><Items>{items}</Items></Paths>\
         <CallerReference>{reference}</CallerReference></InvalidationBatch>"
    )
    .into()
}
