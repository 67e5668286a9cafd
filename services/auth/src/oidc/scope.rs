//! What an application may ask for.

/// One thing that an application may be told or allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// The DID.
    OpenId,
    /// The display name.
    Profile,
    /// The handle.
    Handle,
    /// The proven mailbox.
    Email,
    /// To ask again later, while the person is away.
    OfflineAccess,
}

impl Scope {
    pub(crate) const ALL: [Self; 5] = [
        Self::OpenId,
        Self::Profile,
        Self::Handle,
        Self::Email,
        Self::OfflineAccess,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Handle => "handle",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// What it means, for the person who is asked.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::OpenId => "your DID, which is the same for every application",
            Self::Profile => "your display name",
            Self::Handle => "your handle at this node",
            Self::Email => "the e-mail address that you have proven to this node",
            Self::OfflineAccess => "all of this also later, while you are not signed in, until you take it back",
        }
    }

    /// Whether a person may leave it out.
    pub(crate) const fn is_optional(self) -> bool {
        !matches!(self, Self::OpenId)
    }
}

/// A set of scopes, in the order of [`Scope::ALL`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads a list that is separated by spaces; unknown ones are left out (OpenID Connect Core, section 3.1.2.1).
    pub(crate) fn parse(text: &str) -> Self {
        let named = |scope: &Scope| text.split(' ').any(|word| word == scope.as_str());
        Self(Scope::ALL.into_iter().filter(named).collect())
    }

    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| self.has(*scope))
    }

    /// What is in both.
    pub(crate) fn within(&self, other: &Self) -> Self {
        Self(self.0.iter().copied().filter(|scope| other.has(*scope)).collect())
    }

    pub(crate) fn without(&self, unwanted: Scope) -> Self {
        Self(self.0.iter().copied().filter(|scope| *scope != unwanted).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_in_any_order_and_unknown_ones_are_left_out() {
        let scopes = Scopes::parse("handle  admin openid openid");
        assert_eq!(scopes.to_string(), "openid handle");
        assert!(scopes.covers(&Scopes::parse("openid")) && !scopes.covers(&Scopes::parse("openid email")));
        assert_eq!(scopes.within(&Scopes::parse("openid email")).to_string(), "openid");
    }
}
