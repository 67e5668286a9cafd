use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imajin_kernel::{Code, Problem};
use imajin_ui::{ErrorPage, Shell, render};
use imajin_web::Failure;

/// The page that a browser gets instead of a problem document.
pub(super) fn error_page(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let mut response = render(&page(
        problem.code,
        status,
        &problem.detail,
        problem.hint.clone(),
        Some(request_id),
    ));
    *response.status_mut() = status;
    response
}

fn page(code: Code, status: StatusCode, detail: &str, hint: Option<String>, request_id: Option<&str>) -> ErrorPage {
    ErrorPage {
        shell: Shell {
            title: code.title().to_owned(),
            node_name: "imajin".to_owned(),
            ..Shell::default()
        },
        status: status.as_u16(),
        code: code.as_str().to_owned(),
        title: code.title().to_owned(),
        detail: detail.to_owned(),
        hint,
        request_id: request_id.map(str::to_owned),
        link: None,
    }
}

/// What the `type` of a problem document points to: one page for each kind of refusal.
pub(super) fn problem_pages() -> Router {
    Router::new().route("/problems/{code}", get(problem_kind))
}

async fn problem_kind(Path(code): Path<String>) -> Response {
    match Code::ALL.iter().find(|known| known.as_str() == code) {
        Some(known) => {
            let status = imajin_web::status_of(*known);
            let detail = format!("Answers with the code {known} have the status {}.", status.as_u16());
            render(&page(*known, status, &detail, None, None))
        }
        None => Failure(Problem::not_found("kind of problem")).into_response(),
    }
}
