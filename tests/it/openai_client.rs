//! The stock `openai` client against a running Banto.

use crate::support::banto::{Banto, python};

#[tokio::test]
async fn the_stock_client_works_unmodified() {
    let banto = Banto::start("").await;
    let printed = python("openai_chat.py", &[&banto.url("/v1")]);
    let expected = "NotFoundError 404 model_not_found\nBadRequestError 400 empty_array\nBadRequestError 400 invalid_type\n\
                    APIStatusError 413 request_too_large\n";
    assert_eq!(printed, expected);
}
