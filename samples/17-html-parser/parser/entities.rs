// SPDX-License-Identifier: GPL-2.0-only

//! What entities stand for.

/// Returns what a named entity stands for: one of HTML 4's, or `apos`.
pub(super) fn lookup(name: &[u8]) -> Option<&'static str> {
    let found = ENTITIES.binary_search_by(|(key, _)| key.as_bytes().cmp(name));
    Some(ENTITIES.get(found.ok()?)?.1)
}

/// Returns the character that browsers take 0x80 to 0x9F for: what Windows has there.
pub(super) fn windows_1252(code: u32) -> u32 {
    match WINDOWS_1252.get((code as usize).wrapping_sub(0x80)) {
        Some(character) => u32::from(*character),
        None => code,
    }
}

const WINDOWS_1252: [char; 32] = [
    '\u{20AC}', '\u{0081}', '\u{201A}', '\u{0192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{02C6}', '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{008D}', '\u{017D}', '\u{008F}',
    '\u{0090}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{02DC}', '\u{2122}', '\u{0161}', '\u{203A}', '\u{0153}', '\u{009D}', '\u{017E}', '\u{0178}',
];

/// In the order of the bytes of the names.
#[rustfmt::skip]
const ENTITIES: &[(&str, &str)] = &[
    ("AElig", "Æ"), ("Aacute", "Á"), ("Acirc", "Â"), ("Agrave", "À"), ("Alpha", "Α"),
    ("Aring", "Å"), ("Atilde", "Ã"), ("Auml", "Ä"), ("Beta", "Β"), ("Ccedil", "Ç"), ("Chi", "Χ"),
    ("Dagger", "‡"), ("Delta", "Δ"), ("ETH", "Ð"), ("Eacute", "É"), ("Ecirc", "Ê"), ("Egrave", "È"),
    ("Epsilon", "Ε"), ("Eta", "Η"), ("Euml", "Ë"), ("Gamma", "Γ"), ("Iacute", "Í"), ("Icirc", "Î"),
    ("Igrave", "Ì"), ("Iota", "Ι"), ("Iuml", "Ï"), ("Kappa", "Κ"), ("Lambda", "Λ"), ("Mu", "Μ"),
    ("Ntilde", "Ñ"), ("Nu", "Ν"), ("OElig", "Œ"), ("Oacute", "Ó"), ("Ocirc", "Ô"), ("Ograve", "Ò"),
    ("Omega", "Ω"), ("Omicron", "Ο"), ("Oslash", "Ø"), ("Otilde", "Õ"), ("Ouml", "Ö"), ("Phi", "Φ"),
    ("Pi", "Π"), ("Prime", "″"), ("Psi", "Ψ"), ("Rho", "Ρ"), ("Scaron", "Š"), ("Sigma", "Σ"),
    ("THORN", "Þ"), ("Tau", "Τ"), ("Theta", "Θ"), ("Uacute", "Ú"), ("Ucirc", "Û"), ("Ugrave", "Ù"),
    ("Upsilon", "Υ"), ("Uuml", "Ü"), ("Xi", "Ξ"), ("Yacute", "Ý"), ("Yuml", "Ÿ"), ("Zeta", "Ζ"),
    ("aacute", "á"), ("acirc", "â"), ("acute", "´"), ("aelig", "æ"), ("agrave", "à"),
    ("alefsym", "ℵ"), ("alpha", "α"), ("amp", "&"), ("and", "∧"), ("ang", "∠"), ("apos", "'"),
    ("aring", "å"), ("asymp", "≈"), ("atilde", "ã"), ("auml", "ä"), ("bdquo", "„"), ("beta", "β"),
    ("brvbar", "¦"), ("bull", "•"), ("cap", "∩"), ("ccedil", "ç"), ("cedil", "¸"), ("cent", "¢"),
    ("chi", "χ"), ("circ", "ˆ"), ("clubs", "♣"), ("cong", "≅"), ("copy", "©"), ("crarr", "↵"),
    ("cup", "∪"), ("curren", "¤"), ("dArr", "⇓"), ("dagger", "†"), ("darr", "↓"), ("deg", "°"),
    ("delta", "δ"), ("diams", "♦"), ("divide", "÷"), ("eacute", "é"), ("ecirc", "ê"),
    ("egrave", "è"), ("empty", "∅"), ("emsp", "\u{2003}"), ("ensp", "\u{2002}"), ("epsilon", "ε"),
    ("equiv", "≡"), ("eta", "η"), ("eth", "ð"), ("euml", "ë"), ("euro", "€"), ("exist", "∃"),
    ("fnof", "ƒ"), ("forall", "∀"), ("frac12", "½"), ("frac14", "¼"), ("frac34", "¾"),
    ("frasl", "⁄"), ("gamma", "γ"), ("ge", "≥"), ("gt", ">"), ("hArr", "⇔"), ("harr", "↔"),
    ("hearts", "♥"), ("hellip", "…"), ("iacute", "í"), ("icirc", "î"), ("iexcl", "¡"),
    ("igrave", "ì"), ("image", "ℑ"), ("infin", "∞"), ("int", "∫"), ("iota", "ι"), ("iquest", "¿"),
    ("isin", "∈"), ("iuml", "ï"), ("kappa", "κ"), ("lArr", "⇐"), ("lambda", "λ"), ("lang", "⟨"),
    ("laquo", "«"), ("larr", "←"), ("lceil", "⌈"), ("ldquo", "“"), ("le", "≤"), ("lfloor", "⌊"),
    ("lowast", "∗"), ("loz", "◊"), ("lrm", "\u{200E}"), ("lsaquo", "‹"), ("lsquo", "‘"),
    ("lt", "<"), ("macr", "¯"), ("mdash", "—"), ("micro", "µ"), ("middot", "·"), ("minus", "−"),
    ("mu", "μ"), ("nabla", "∇"), ("nbsp", "\u{00A0}"), ("ndash", "–"), ("ne", "≠"), ("ni", "∋"),
    ("not", "¬"), ("notin", "∉"), ("nsub", "⊄"), ("ntilde", "ñ"), ("nu", "ν"), ("oacute", "ó"),
    ("ocirc", "ô"), ("oelig", "œ"), ("ograve", "ò"), ("oline", "‾"), ("omega", "ω"),
    ("omicron", "ο"), ("oplus", "⊕"), ("or", "∨"), ("ordf", "ª"), ("ordm", "º"), ("oslash", "ø"),
    ("otilde", "õ"), ("otimes", "⊗"), ("ouml", "ö"), ("para", "¶"), ("part", "∂"), ("permil", "‰"),
    ("perp", "⊥"), ("phi", "φ"), ("pi", "π"), ("piv", "ϖ"), ("plusmn", "±"), ("pound", "£"),
    ("prime", "′"), ("prod", "∏"), ("prop", "∝"), ("psi", "ψ"), ("quot", "\""), ("rArr", "⇒"),
    ("radic", "√"), ("rang", "⟩"), ("raquo", "»"), ("rarr", "→"), ("rceil", "⌉"), ("rdquo", "”"),
    ("real", "ℜ"), ("reg", "®"), ("rfloor", "⌋"), ("rho", "ρ"), ("rlm", "\u{200F}"),
    ("rsaquo", "›"), ("rsquo", "’"), ("sbquo", "‚"), ("scaron", "š"), ("sdot", "⋅"), ("sect", "§"),
    ("shy", "\u{00AD}"), ("sigma", "σ"), ("sigmaf", "ς"), ("sim", "∼"), ("spades", "♠"),
    ("sub", "⊂"), ("sube", "⊆"), ("sum", "∑"), ("sup", "⊃"), ("sup1", "¹"), ("sup2", "²"),
    ("sup3", "³"), ("supe", "⊇"), ("szlig", "ß"), ("tau", "τ"), ("there4", "∴"), ("theta", "θ"),
    ("thetasym", "ϑ"), ("thinsp", "\u{2009}"), ("thorn", "þ"), ("tilde", "˜"), ("times", "×"),
    ("trade", "™"), ("uArr", "⇑"), ("uacute", "ú"), ("uarr", "↑"), ("ucirc", "û"), ("ugrave", "ù"),
    ("uml", "¨"), ("upsih", "ϒ"), ("upsilon", "υ"), ("uuml", "ü"), ("weierp", "℘"), ("xi", "ξ"),
    ("yacute", "ý"), ("yen", "¥"), ("yuml", "ÿ"), ("zeta", "ζ"), ("zwj", "\u{200D}"),
    ("zwnj", "\u{200C}"),
];
