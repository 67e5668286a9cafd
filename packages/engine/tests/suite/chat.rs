//! What endpoints send, and what they had better not send.

use imajin_engine::{ChatEvent, ChatEvents, EngineError, Finish, Usage};
use proptest::prelude::*;

use crate::config;

fn read(text: &str, piece: usize) -> Result<Vec<ChatEvent>, EngineError> {
    let (mut events, mut found) = (ChatEvents::new(false), Vec::new());
    for bytes in text.as_bytes().chunks(piece) {
        found.extend(events.push(bytes)?);
    }
    found.extend(events.finish()?);
    Ok(found)
}

fn text(text: &str) -> ChatEvent {
    ChatEvent::Text(text.to_owned())
}

const STREAM: &str = concat!(
    ": comment\n\nevent: message\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data:{\"choices\":[{\"delta\":{\"content\":\"Café \"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n",
    "data: {\"id\":1,\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n",
    "data: [DONE]\n",
);

#[test]
fn a_stream_is_read_in_whatever_pieces_it_comes() {
    let usage = Usage {
        prompt_tokens: 7,
        completion_tokens: 2,
    };
    let expected = vec![
        text("Café "),
        ChatEvent::Finish(Finish::Length),
        ChatEvent::Usage(usage),
        ChatEvent::Done,
    ];
    for piece in [1, 2, 3, 50, STREAM.len()] {
        assert_eq!(read(STREAM, piece), Ok(expected.clone()), "{piece}");
    }
}

#[test]
fn an_answer_as_a_whole_is_read_too() {
    let mut events = ChatEvents::new(true);
    let json = br#"{"choices":[{"message":{"content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
    assert_eq!(events.push(json), Ok(vec![]));
    let usage = Usage {
        prompt_tokens: 1,
        completion_tokens: 0,
    };
    let expected = vec![text("Yes."), ChatEvent::Finish(Finish::Stop), ChatEvent::Usage(usage)];
    assert_eq!(events.finish(), Ok(expected));
}

#[test]
fn what_is_no_answer_is_refused() {
    for line in [
        "data: {\n",
        "data: hello\n",
        "data: {\"error\":{\"message\":\"out of memory\"}}\n",
        "data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n",
        "data: {\"usage\":{\"prompt_tokens\":-1}}\n",
    ] {
        assert_eq!(read(line, 64), Err(EngineError::BadAnswer), "{line}");
    }
    assert_eq!(
        read(&"x".repeat(2_000_000), 60_000),
        Err(EngineError::BadAnswer),
        "a line has an end"
    );
    assert_eq!(read("<html>", 64), Ok(vec![]));
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn bytes_of_any_kind_say_no_more_than_they_hold(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        piece in 1_usize..20,
        is_whole: bool,
    ) {
        let (mut events, mut found) = (ChatEvents::new(is_whole), Vec::new());
        for bytes in bytes.chunks(piece) {
            found.extend(events.push(bytes).unwrap_or_default());
        }
        found.extend(events.finish().unwrap_or_default());
        let said = |event: &ChatEvent| match event {
            ChatEvent::Text(text) => text.len(),
            _ => 1,
        };
        prop_assert!(found.iter().map(said).sum::<usize>() <= bytes.len());
    }
}
