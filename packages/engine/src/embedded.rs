use async_trait::async_trait;

use crate::terms::{QUESTION_BYTES_MAX, terms};
use crate::{Answered, Engine, EngineError, EngineIdentity, Finish, Output, Question, Usage};

/// The engine without a model: it answers with what the documents say, word for word.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

#[async_trait]
impl Engine for Embedded {
    fn identity(&self) -> EngineIdentity {
        EngineIdentity {
            engine: "embedded".to_owned(),
            model: None,
        }
    }

    /// Writes the quotes, numbered from 1, as long as they fit; its tokens are words. At least one is quoted, if only
    /// its beginning fits.
    async fn answer(&self, question: &Question, output: &Output) -> Result<Answered, EngineError> {
        if question.text.len() > QUESTION_BYTES_MAX {
            return Err(EngineError::QuestionTooLong);
        }
        if question.quotes.is_empty() || question.tokens_max == 0 {
            return Err(EngineError::NothingFound);
        }
        let mut left = usize::try_from(question.tokens_max).unwrap_or(usize::MAX);
        let (mut cited, mut written, mut finish) = (Vec::new(), 0_usize, Finish::Stop);
        for (place, quote) in question.quotes.iter().enumerate() {
            let words: Vec<&str> = quote.text.split_inclusive([' ', '\n']).collect();
            if words.len() > left {
                finish = Finish::Length;
            }
            if words.len() > left && !cited.is_empty() {
                break;
            }
            let taken = words.len().min(left);
            let text: String = words.into_iter().take(taken).collect();
            let number = place.saturating_add(1);
            output.write(format!("[{number}] {}\n\n", text.trim_end())).await?;
            cited.push(place);
            written = written.saturating_add(taken);
            left = left.saturating_sub(taken);
        }
        let tokens = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Answered {
            cited,
            usage: Usage {
                prompt_tokens: tokens(terms(&question.text).count()),
                completion_tokens: tokens(written),
            },
            finish,
        })
    }
}
