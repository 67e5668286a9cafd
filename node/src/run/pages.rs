use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imajin_kernel::{Code, Problem};
use imajin_ui::{ErrorPage, render};
use imajin_web::Failure;

/// The page that a browser gets instead of a problem document.
pub(super) fn error_page(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let page = ErrorPage::new(
        status.as_u16(),
        problem.code.title(),
        &problem.detail,
        problem.hint.as_deref(),
        Some(request_id),
    );
    let mut response = render(&page);
    *response.status_mut() = status;
    response
}

/// What the `type` of a problem document points to: one page for each kind of refusal.
pub(super) fn problem_pages() -> Router {
    Router::new().route("/problems/{code}", get(problem_kind))
}

async fn problem_kind(Path(code): Path<String>) -> Response {
    match Code::ALL.iter().find(|known| known.as_str() == code) {
        Some(known) => {
            let status = imajin_web::status_of(*known).as_u16();
            let detail = format!("Answers with the code `{known}` have the status {status}.");
            render(&ErrorPage::new(status, known.title(), &detail, None, None))
        }
        None => Failure(Problem::not_found("kind of problem")).into_response(),
    }
}
