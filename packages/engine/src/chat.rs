use serde::Deserialize;
use serde_json::Value;

use crate::{EngineError, Finish, Usage};

/// The longest line of a stream, and the longest answer that comes as a whole.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Something that an endpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// Words of the answer.
    Text(String),
    /// Why the answer ended.
    Finish(Finish),
    /// How much work it was, as the endpoint counts.
    Usage(Usage),
    /// There is nothing more.
    Done,
}

/// Reads what an endpoint sends: a stream of events with JSON in their data, or one JSON document.
pub struct ChatEvents {
    buffer: Vec<u8>,
    is_whole: bool,
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counted>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Message>,
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl ChatEvents {
    /// For an answer that comes as a whole, or as a stream of events.
    pub const fn new(is_whole: bool) -> Self {
        Self {
            buffer: Vec::new(),
            is_whole,
        }
    }

    /// Takes bytes as they arrive and gives what they complete.
    ///
    /// # Errors
    /// [`EngineError::BadAnswer`] when it is no answer of this kind, or a line is longer than any.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<ChatEvent>, EngineError> {
        let mut events = Vec::new();
        if self.is_whole {
            self.keep(bytes)?;
            return Ok(events);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.keep(line)?;
            if line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.buffer);
                line_read(&line, &mut events)?;
            }
        }
        Ok(events)
    }

    /// What the end of the connection completes.
    ///
    /// # Errors
    /// [`EngineError::BadAnswer`].
    pub fn finish(&mut self) -> Result<Vec<ChatEvent>, EngineError> {
        let mut events = Vec::new();
        let rest = std::mem::take(&mut self.buffer);
        if self.is_whole {
            document_read(&rest, &mut events)?;
        } else {
            line_read(&rest, &mut events)?;
        }
        Ok(events)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        if self.buffer.len().saturating_add(bytes.len()) > LINE_BYTES_MAX {
            return Err(EngineError::BadAnswer);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

/// One line of a stream of events: data, or something that does not matter here.
fn line_read(line: &[u8], events: &mut Vec<ChatEvent>) -> Result<(), EngineError> {
    let Some(data) = line.strip_prefix(b"data:") else {
        return Ok(());
    };
    match data.trim_ascii() {
        b"" => Ok(()),
        b"[DONE]" => {
            events.push(ChatEvent::Done);
            Ok(())
        }
        data => document_read(data, events),
    }
}

fn document_read(json: &[u8], events: &mut Vec<ChatEvent>) -> Result<(), EngineError> {
    let completion: Completion = serde_json::from_slice(json).or(Err(EngineError::BadAnswer))?;
    if completion.error.is_some_and(|error| !error.is_null()) {
        return Err(EngineError::BadAnswer);
    }
    // We ask for one answer: of several only the first counts.
    if let Some(choice) = completion.choices.into_iter().next() {
        let text = choice.delta.or(choice.message).and_then(|message| message.content);
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            events.push(ChatEvent::Text(text));
        }
        if let Some(reason) = choice.finish_reason {
            let finish = if reason == "length" {
                Finish::Length
            } else {
                Finish::Stop
            };
            events.push(ChatEvent::Finish(finish));
        }
    }
    if let Some(counted) = completion.usage {
        events.push(ChatEvent::Usage(Usage {
            prompt_tokens: counted.prompt_tokens,
            completion_tokens: counted.completion_tokens,
        }));
    }
    Ok(())
}
