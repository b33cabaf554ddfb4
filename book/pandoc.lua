-- SPDX-License-Identifier: GPL-2.0-only
--
-- Makes one document of the chapters, whose files are named in the metadata `chapters`, in
-- their order: links between files become links within it. In blocks of code it does what
-- mdBook does: the words behind the language are no part of it, and Rust's lines that begin
-- with "# " are not shown.

local chapters = {}
local chapter = 0

local function code(block)
  local language = (block.classes[1] or ""):match("^[^,%s]*")
  block.attr = pandoc.Attr("", { language })
  if language == "rust" then
    local shown = {}
    for line in (block.text .. "\n"):gmatch("(.-)\n") do
      if not line:match("^%s*# ") and not line:match("^%s*#$") then
        table.insert(shown, line)
      end
    end
    block.text = table.concat(shown, "\n")
  end
  return block
end

local function header(block)
  local name = chapters[chapter]
  block.identifier = block.level == 1 and name or name .. "--" .. block.identifier
  return block
end

local function link(it)
  if not it.target:match("^%a+:") then
    local file, heading = it.target:match("^([^#]*)#?(.*)$")
    file = file == "" and chapters[chapter] or file:gsub("%.md$", "")
    it.target = "#" .. file .. (heading == "" and "" or "--" .. heading)
  end
  return it
end

-- mdBook puts the pictures beside the HTML only.
local function image(it)
  it.src = "../html/" .. it.src
  return it
end

-- Since version 3, pandoc has a Div around each file, with a name to which it has turned the links: the
-- chapter's title gets that name. It returns the blocks, and whether it was so. A comment before the first
-- title would be a chapter without one.
local function unwrap(blocks)
  local all, wrapped = pandoc.List(), false
  local function add(block)
    if not (block.t == "RawBlock" and block.text:match("^<!%-%-")) then
      all:insert(block)
    end
  end
  for _, block in ipairs(blocks) do
    if block.t == "Div" then
      wrapped = true
      for _, inner in ipairs(block.content) do
        if inner.t == "Header" and inner.level == 1 then
          inner.identifier = block.identifier
        end
        add(inner)
      end
    else
      add(block)
    end
  end
  return all, wrapped
end

function Pandoc(doc)
  local wrapped
  local filter = { CodeBlock = code, Image = image }
  for file in pandoc.utils.stringify(doc.meta.chapters):gmatch("%S+") do
    table.insert(chapters, (file:gsub("%.md$", "")))
  end
  doc.meta.chapters = nil
  doc.blocks, wrapped = unwrap(doc.blocks)
  if not wrapped then
    filter.Header = header
    filter.Link = link
  end
  for i, block in ipairs(doc.blocks) do
    if block.t == "Header" and block.level == 1 then
      chapter = chapter + 1
    end
    if chapter > 0 then
      local whole = pandoc.walk_block(pandoc.Div({ block }), filter)
      doc.blocks[i] = whole.content[1]
    end
  end
  return doc
end
