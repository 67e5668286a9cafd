use axum::Form;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use imajin_kernel::{Code, Problem};
use imajin_web::Failure;
use serde::de::DeserializeOwned;

/// The fields of a plain HTML form, refused with a problem instead of plain text.
#[derive(Debug)]
pub(crate) struct FormBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                    Problem::new(Code::UnsupportedMediaType, "This address takes the fields of a form.")
                        .hint("Send `Content-Type: application/x-www-form-urlencoded`.")
                }
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge, "The form is too large."),
                _ => Problem::invalid(format!("The form was not accepted: {}.", rejection.body_text()))
                    .hint("Go back, fill in the form again and send it once more."),
            }
            .into()),
        }
    }
}
