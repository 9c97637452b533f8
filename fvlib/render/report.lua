-- One filter for both formats: numbering, cross-references, captions, callouts, tabsets, tables.
-- It reads one document whose top-level divs are the chapters. What it does not know it refuses:
-- every fault is collected, and told together on stderr as lines that begin with "REFUSED".

local html = FORMAT:match("html") ~= nil
local typst = FORMAT:match("typst") ~= nil
local stringify = pandoc.utils.stringify

local NAMES = { fig = "Figure", tbl = "Table", eq = "Equation", sec = "Section" }
-- Quarto's other cross-reference types: known by name, and refused.
local OTHER_TYPES = {
  lst = true, thm = true, lem = true, cor = true, prp = true, cnj = true, def = true, exm = true,
  exr = true, sol = true, rem = true, alg = true, tip = true, nte = true, wrn = true, imp = true,
  cau = true,
}
local CALLOUTS = {
  note = "Note", tip = "Tip", warning = "Warning", important = "Important", caution = "Caution",
}
local DIV_CLASSES = { ["content-visible"] = true, ["content-hidden"] = true, ["panel-tabset"] = true }
local SPAN_CLASSES = { smallcaps = true, underline = true, mark = true, ["nowrap"] = true }

local chapter            -- the chapter's attributes while its blocks are walked
local faults = {}
local has_refs = false   -- whether a chapter says where the references go
local labels = {}        -- key -> { kind, number, chapter, unnumbered }
local anchors = {}       -- chapter stem -> old id -> new id
local skipped = {}       -- chapter stem -> whether it is left out
local targets = {}       -- every id that a link may lead to

-- A skipped chapter (a preview shows one alone) is only numbered: its faults are told elsewhere.
local function fault(message)
  if chapter.skip then
    return
  end
  faults[#faults + 1] = chapter.path .. ": " .. message
end

local function kind_of(id)
  return id:match("^(%a+)%-")
end

-- Raw text in the format that is written ------------------------------------------------------

local function raw(text)
  return pandoc.RawBlock(html and "html" or "typst", text)
end

local function raw_inline(text)
  return pandoc.RawInline(html and "html" or "typst", text)
end

local function escape_html(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
end

local function typst_string(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("%s+", " ") .. '"'
end

-- Numbering -----------------------------------------------------------------------------------

local counters = {}

local function next_number(kind)
  counters[kind] = (counters[kind] or 0) + 1
  if chapter.number == "" then
    return tostring(counters[kind])
  end
  return chapter.number .. "." .. counters[kind]
end

local function register(id, kind, number, name)
  if labels[id] then
    fault("the label " .. id .. " is already used in " .. labels[id].chapter)
    return
  end
  labels[id] = {
    kind = kind, number = number, chapter = chapter.path, name = name, skip = chapter.skip,
    unnumbered = chapter.number == "",
  }
  targets[id] = true
end

local function numbered_caption(id, kind, caption)
  local number = next_number(kind)
  register(id, kind, number)
  local label = NAMES[kind] .. " " .. number
  return label, caption
end

-- Headings ------------------------------------------------------------------------------------

local depths = {}
local level_before

local function check_level(header)
  if header.level == 1 and level_before then
    fault('a second level-one heading, "' .. stringify(header) .. '"; a chapter has one')
  elseif level_before == nil and header.level > 1 then
    fault('the first heading, "' .. stringify(header) .. '", must be of level one')
  elseif level_before and header.level > level_before + 1 then
    fault(('the heading "%s" goes from level %d to level %d'):format(
      stringify(header), level_before, header.level))
  end
  level_before = header.level
end

local function heading_number(header)
  if chapter.number == "" or header.classes:includes("unnumbered") then
    return nil
  end
  if header.level == 1 then
    return chapter.number
  end
  for level = 2, header.level - 1 do
    depths[level] = depths[level] or 0
  end
  depths[header.level] = (depths[header.level] or 0) + 1
  for level = header.level + 1, 6 do
    depths[level] = nil
  end
  local parts = { chapter.number }
  for level = 2, header.level do
    parts[#parts + 1] = depths[level]
  end
  return table.concat(parts, ".")
end

local function number_heading(header)
  for _, class in ipairs(header.classes) do
    if class ~= "unnumbered" and class ~= "unlisted" then
      fault("heading class ." .. class .. " is not known")
    end
  end
  check_level(header)
  local number = heading_number(header)
  local id = header.identifier
  if kind_of(id) == "sec" then
    local name = "Section"
    if header.level == 1 then
      name = chapter.appendix == "true" and "Appendix" or "Chapter"
    end
    register(id, "sec", number or "", name)
  else
    local unique = header.level == 1 and "chapter-" .. chapter.stem or chapter.stem .. "-" .. id
    anchors[chapter.stem][id] = unique
    header.identifier = unique
    targets[unique] = true
  end
  header.attributes["data-number"] = number
  return header
end

-- Writers for the two formats -----------------------------------------------------------------

local function write_heading_html(header)
  local number = header.attributes["data-number"]
  header.attributes["data-number"] = nil
  if number then
    local shown = number
    if header.level == 1 and chapter.appendix == "true" then
      shown = "Appendix " .. number
    end
    header.content:insert(1, pandoc.Space())
    header.content:insert(1, pandoc.Span({ pandoc.Str(shown) }, pandoc.Attr("", { "number" })))
  end
  header.level = math.min(header.level + 1, 6)
  return header
end

local function write_heading_typst(header)
  local number = header.attributes["data-number"]
  local numbering = "none"
  if number then
    local shown = number
    if header.level == 1 and chapter.appendix == "true" then
      shown = "Appendix " .. number
    end
    numbering = "(..n) => " .. typst_string(shown)
  end
  local outlined = header.classes:includes("unlisted") and "false" or "true"
  local opening = ("#heading(level: %d, outlined: %s, numbering: %s)["):format(
    header.level, outlined, numbering)
  local inlines = pandoc.List({ raw_inline(opening) })
  inlines:extend(header.content)
  inlines:insert(raw_inline("] <" .. header.identifier .. ">"))
  return pandoc.Plain(inlines)
end

local function label_inlines(label)
  if html then
    return pandoc.Span({ pandoc.Str(label:gsub(" ", "\u{a0}") .. ".") },
      pandoc.Attr("", { "label" }))
  end
  return raw_inline("")
end

local function write_float(id, kind, label, caption, content)
  if html then
    local figure_class = kind == "fig" and "figure" or "table"
    local head = raw(('<figure id="%s" class="%s">'):format(id, figure_class))
    local inlines = pandoc.List({ label_inlines(label), pandoc.Space() })
    inlines:extend(caption)
    local opening = pandoc.Plain({ raw_inline("<figcaption>") })
    opening.content:extend(inlines)
    opening.content:insert(raw_inline("</figcaption>"))
    local blocks = pandoc.List({ head })
    if kind == "tbl" then
      blocks:insert(opening)
      blocks:extend(content)
    else
      blocks:extend(content)
      blocks:insert(opening)
    end
    blocks:insert(raw("</figure>"))
    return blocks
  end
  local name, number = label:match("^(%S+) (.+)$")
  local blocks = pandoc.List({ raw("#float[#figure([") })
  blocks:extend(content)
  local closing = pandoc.List({ raw_inline("], caption: [") })
  closing:extend(caption)
  closing:insert(raw_inline(('], kind: "%s", supplement: "%s", numbering: _ => "%s") <%s>]'):format(
    kind, name, number, id)))
  blocks:insert(pandoc.Plain(closing))
  return blocks
end

local function write_image(image, alt)
  if image.src:match("^%a[%w+.-]*:") then
    fault("the picture " .. image.src .. " is not a file of the project")
  end
  if alt == "" then
    fault("the picture " .. image.src .. " has no fig-alt; say in words what it shows")
  end
  if html then
    local size = ""
    for _, side in ipairs({ "width", "height" }) do
      local pixels = (image.attributes[side] or ""):match("^(%d+)px$")
      if pixels then
        size = size .. (' %s="%s"'):format(side, pixels)
      end
    end
    return raw_inline(('<img src="%s" alt="%s"%s>'):format(
      escape_html(image.src), escape_html(alt), size))
  end
  local width = (image.attributes.width or ""):match("^(%d+)px$")
  local wanted = width and (tonumber(width) * 0.75) .. "pt" or "none"
  return raw_inline(('#picture(%s, alt: %s, natural: %s)'):format(
    typst_string(image.src), typst_string(alt), wanted))
end

local function alt_of(image)
  local alt = image.attributes["fig-alt"]
  if alt == nil then
    alt = image.attributes["alt"] or ""
  end
  return alt
end

-- Tables --------------------------------------------------------------------------------------

local typst_table = dofile(pandoc.path.join({
  pandoc.path.directory(PANDOC_SCRIPT_FILE), "typst_tables.lua" }))

local function typst_content(blocks)
  local written = pandoc.write(pandoc.Pandoc(blocks), "typst")
  return (written:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- A great-tables table: HTML in, pandoc's own table out. Footnote marks keep their superscript.
local function read_html(text)
  text = text:gsub('<span class="gt_footnote_marks"[^>]*>(.-)</span>', "<sup>%1</sup>")
  local blocks = pandoc.read(text, "html").blocks
  return blocks:walk({
    Span = function(span) return span.content end,
    Div = function(div) return div.content end,
  })
end

local function raw_html_blocks(block)
  if html then
    return nil
  end
  local blocks = read_html(block.text)
  local found = false
  blocks:walk({ Table = function() found = true end })
  if not found and stringify(blocks) == "" then
    return {}
  end
  return blocks
end

-- Callouts and tabsets ------------------------------------------------------------------------

local function callout_kind(div)
  for _, class in ipairs(div.classes) do
    local kind = class:match("^callout%-(%a+)$")
    if kind then
      return kind
    end
  end
  return nil
end

-- A heading inside a callout or a tab is no section: it becomes a line in bold.
local function bold_headings(blocks)
  return blocks:walk({
    Header = function(header) return pandoc.Para({ pandoc.Strong(header.content) }) end,
  })
end

local function write_callout(div, kind)
  if not CALLOUTS[kind] then
    fault("callout of type " .. kind .. " is not known")
    return {}
  end
  local content = div.content:clone()
  local title = div.attributes.title and pandoc.read(div.attributes.title, "markdown").blocks[1]
  local inlines = title and title.content or nil
  if inlines == nil and content[1] and content[1].t == "Header" then
    inlines = content:remove(1).content
  end
  inlines = inlines or pandoc.Inlines({ pandoc.Str(CALLOUTS[kind]) })
  content = bold_headings(content)
  local blocks = pandoc.List()
  if html then
    local collapse = div.attributes.collapse
    local folded = collapse == "true" or collapse == "false"
    local tag, head = "aside", "p"
    if folded then
      tag, head = "details", "summary"
    end
    local open = collapse == "false" and " open" or ""
    local role = folded and "" or ' role="note"'
    blocks:insert(raw(('<%s class="callout %s"%s%s>'):format(tag, kind, role, open)))
    local line = pandoc.Plain({ raw_inline(('<%s class="callout-title">'):format(head)) })
    line.content:extend(inlines)
    line.content:insert(raw_inline(("</%s>"):format(head)))
    blocks:insert(line)
    blocks:extend(content)
    blocks:insert(raw(("</%s>"):format(tag)))
    return blocks
  end
  local line = pandoc.Plain({ raw_inline(('#callout("%s", ['):format(kind)) })
  line.content:extend(inlines)
  line.content:insert(raw_inline("])["))
  blocks:insert(line)
  blocks:extend(content)
  blocks:insert(raw("]"))
  return blocks
end

local function write_tabset(div)
  local level
  local tabs = pandoc.List()
  for _, block in ipairs(div.content) do
    if block.t == "Header" and (level == nil or block.level == level) then
      level = block.level
      tabs:insert({ title = block.content, blocks = pandoc.Blocks({}) })
    elseif #tabs > 0 then
      tabs[#tabs].blocks:insert(block)
    else
      fault("a panel-tabset must begin with a heading")
      return {}
    end
  end
  local blocks = pandoc.List()
  if html then
    blocks:insert(raw('<div class="tabset">'))
  end
  for _, tab in ipairs(tabs) do
    local opening, closing = '#tab-title[', "]"
    if html then
      blocks:insert(raw('<section class="tab">'))
      opening, closing = '<p class="tab-title">', "</p>"
    end
    local line = pandoc.Plain({ raw_inline(opening) })
    line.content:extend(tab.title)
    line.content:insert(raw_inline(closing))
    blocks:insert(line)
    blocks:extend(bold_headings(tab.blocks))
    if html then
      blocks:insert(raw("</section>"))
    end
  end
  if html then
    blocks:insert(raw("</div>"))
  end
  return blocks
end

-- Divs ----------------------------------------------------------------------------------------

local function shown_here(div)
  local visible = div.classes:includes("content-visible")
  local wanted, unwanted = div.attributes["when-format"], div.attributes["unless-format"]
  local function is_this(format)
    return (html and format == "html") or (typst and (format == "typst" or format == "pdf"))
  end
  local matches = true
  if wanted then
    matches = is_this(wanted)
  elseif unwanted then
    matches = not is_this(unwanted)
  end
  return matches == visible
end

-- The last paragraph of a cross-reference div is its caption, as Quarto has it.
local function labelled_div(div, kind)
  local content = div.content:clone()
  local last = content[#content]
  if #content < 2 or (last.t ~= "Para" and last.t ~= "Plain") then
    fault(div.identifier .. " has no caption: end its div with a paragraph")
    return {}
  end
  content:remove(#content)
  local label, caption = numbered_caption(div.identifier, kind, last.content)
  return content, label, caption
end

local function is_references(div)
  local id = div.identifier
  has_refs = has_refs or id == "refs"
  return id == "refs"
end

-- The walk: numbers first, in reading order ---------------------------------------------------

local number_blocks

local function number_figure(figure)
  local id = figure.identifier
  local image
  figure:walk({ Image = function(found) image = found end })
  local caption = figure.caption.long[1] and figure.caption.long[1].content or pandoc.Inlines({})
  local alt = image and alt_of(image) or ""
  local content = pandoc.List()
  if image then
    if id == "" then
      id = image.identifier
    end
    content:insert(pandoc.Plain({ write_image(image, alt) }))
  else
    content = figure.content
  end
  if kind_of(id) ~= "fig" then
    fault('the figure "' .. stringify(caption) .. '" has no label that begins fig-')
    return {}
  end
  local label = numbered_caption(id, "fig")
  return write_float(id, "fig", label, caption, content)
end

local function number_table(element)
  local id = element.identifier
  local caption = element.caption.long[1] and element.caption.long[1].content or pandoc.Inlines({})
  element.caption = { long = {} }
  element.identifier = ""
  local written = pandoc.List({ element })
  if html then
    written = pandoc.List({ raw('<div class="scroll">'), element, raw("</div>") })
  end
  if id == "" and #caption == 0 then
    return written
  end
  if kind_of(id) ~= "tbl" then
    fault('the table "' .. stringify(caption) .. '" has no label that begins tbl-')
    return {}
  end
  local label = numbered_caption(id, "tbl")
  return write_float(id, "tbl", label, caption, written)
end

local function number_div(div)
  local id = div.identifier
  local kind = kind_of(id)
  local callout = callout_kind(div)
  if callout then
    if id ~= "" then
      fault("cross-references to callouts (" .. id .. ") are not known")
    end
    div.content = number_blocks(div.content, true)
    return write_callout(div, callout)
  end
  if kind == "fig" or kind == "tbl" then
    local content, label, caption = labelled_div(div, kind)
    if label == nil then
      return {}
    end
    return write_float(id, kind, label, caption, number_blocks(content, true))
  end
  if kind and OTHER_TYPES[kind] then
    fault("cross-reference type " .. kind .. "- (" .. id .. ") is not known")
    return {}
  end
  if div.classes:includes("panel-tabset") then
    local tabs = pandoc.Div(number_blocks(div.content, true), div.attr)
    return write_tabset(tabs)
  end
  if div.classes:includes("content-visible") or div.classes:includes("content-hidden") then
    return shown_here(div) and number_blocks(div.content) or {}
  end
  for _, class in ipairs(div.classes) do
    if not DIV_CLASSES[class] then
      fault("div class ." .. class .. " is not known")
    end
  end
  div.content = number_blocks(div.content)
  return is_references(div) and div or div.content
end

-- Display mathematics with a label: $$ ... $$ {#eq-x}
local function number_equation(block)
  local content = block.content
  local math = content[1]
  if not (math and math.t == "Math" and math.mathtype == "DisplayMath") then
    return nil
  end
  local last = content[#content]
  local id = last.t == "Str" and last.text:match("^{#(eq%-[%w_-]+)}$")
  if not id then
    return nil
  end
  local number = next_number("eq")
  register(id, "eq", number)
  if html then
    return { raw(('<div class="equation" id="%s">'):format(id)), pandoc.Plain({ math }),
      raw(('<span class="equation-number">(%s)</span></div>'):format(number)) }
  end
  local body = typst_content({ pandoc.Plain({ math }) })
  return { raw(("#math.equation(block: true, alt: %s, numbering: _ => \"(%s)\", %s) <%s>"):format(
    typst_string(math.text), number, body, id)) }
end

number_blocks = function(blocks, no_sections)
  local result = pandoc.Blocks({})
  local function add(new)
    if new == nil then
      return
    end
    if pandoc.utils.type(new) == "Block" then
      result:insert(new)
    else
      result:extend(new)
    end
  end
  for _, block in ipairs(blocks) do
    if block.t == "Header" then
      if no_sections then
        add(block)
      else
        local header = number_heading(block)
        add(html and write_heading_html(header) or write_heading_typst(header))
      end
    elseif block.t == "Div" then
      add(number_div(block))
    elseif block.t == "Figure" then
      add(number_figure(block))
    elseif block.t == "Table" then
      add(number_table(block))
    elseif block.t == "RawBlock" and block.format:match("^html") then
      local read = raw_html_blocks(block)
      add(read and number_blocks(read, true) or block)
    elseif block.t == "RawBlock" and block.format ~= "typst" then
      if block.format ~= "html" and block.format ~= "typst" then
        fault("a raw block of format " .. block.format .. " is not known")
      end
    elseif block.t == "Para" or block.t == "Plain" then
      add(number_equation(block) or block)
    elseif block.t == "BlockQuote" then
      block.content = number_blocks(block.content, true)
      add(block)
    elseif block.t == "BulletList" or block.t == "OrderedList" then
      if block.t == "OrderedList" and block.style == "Example" then
        fault("a line that begins with @label. is read as a numbered example; begin with a word")
      end
      block.content = block.content:map(function(item) return number_blocks(item, true) end)
      add(block)
    else
      add(block)
    end
  end
  return result
end

-- Then the references -------------------------------------------------------------------------

local function link_to(id, inlines)
  if html then
    return pandoc.Link(inlines, "#" .. id, "", pandoc.Attr("", { "xref" }))
  end
  local list = pandoc.Inlines({ raw_inline("#link(<" .. id .. ">)[") })
  list:extend(inlines)
  list:insert(raw_inline("]"))
  return pandoc.Span(list)
end

local function reference(citation)
  local id = citation.id
  local label = labels[id]
  if label == nil then
    fault("@" .. id .. " leads to nothing: no such label")
    return {}
  end
  if label.number == "" or (label.unnumbered and label.kind ~= "sec") then
    fault("@" .. id .. " leads into an unnumbered chapter or section, which has no number to cite")
    return {}
  end
  local inlines = pandoc.Inlines({})
  if citation.mode ~= "SuppressAuthor" then
    if #citation.prefix > 0 then
      inlines:extend(citation.prefix)
    else
      inlines:insert(pandoc.Str(label.name or NAMES[label.kind]))
    end
    inlines:insert(pandoc.Str("\u{a0}"))
  end
  local number = label.kind == "eq" and "(" .. label.number .. ")" or label.number
  inlines:insert(pandoc.Str(number))
  return label.skip and inlines or { link_to(id, inlines) }
end

local has_bibliography = false
local cites = false

local function resolve_cite(cite)
  local references = 0
  for _, citation in ipairs(cite.citations) do
    local kind = kind_of(citation.id:lower())
    if kind and NAMES[kind] then
      references = references + 1
      citation.id = citation.id:sub(1, #kind):lower() .. citation.id:sub(#kind + 1)
    elseif kind and OTHER_TYPES[kind] then
      fault("cross-reference type " .. kind .. "- (@" .. citation.id .. ") is not known")
      return {}
    elseif not has_bibliography then
      fault("@" .. citation.id .. " leads to nothing: no such label, and no bibliography")
      return {}
    end
  end
  if references == 0 then
    cites = true
    return nil
  end
  local result = pandoc.Inlines({})
  for i, citation in ipairs(cite.citations) do
    if i > 1 then
      result:insert(pandoc.Str(","))
      result:insert(pandoc.Space())
    end
    result:extend(reference(citation))
    result:extend(citation.suffix)
  end
  return result
end

local function resolve_link(link)
  local path, id = link.target:match("^([^#:]*)#(.+)$")
  if link.classes:includes("xref") then
    return nil
  end
  if path == nil then
    path = link.target:match("^([^#:]+%.qmd)$")
    if path == nil then
      if not link.target:match("^%a[%w+.-]*:") then
        fault("the link to " .. link.target .. " leads out of the report")
      end
      return nil
    end
  end
  local stem = path == "" and chapter.stem or path:match("([^/]+)%.qmd$")
  if stem == nil or anchors[stem] == nil then
    fault("the link to " .. link.target .. " leads to no chapter")
    return nil
  end
  local target = id and (anchors[stem][id] or id) or anchors[stem][""]
  if not targets[target] then
    fault("the link to " .. link.target .. " leads to nothing")
    return nil
  end
  if skipped[stem] then
    return link.content
  end
  if html then
    link.target = "#" .. target
    return link
  end
  return link_to(target, link.content)
end

local function doubled_word(inlines)
  for i = 1, #inlines - 2 do
    local cite = inlines[i + 2]
    if inlines[i].t == "Str" and cite.t == "Cite" and cite.citations[1].mode == "AuthorInText" then
      local label = labels[cite.citations[1].id]
      if label and inlines[i].text == (label.name or NAMES[label.kind]) then
        fault(('"%s @%s" would print the word twice; write @%s alone'):format(
          inlines[i].text, cite.citations[1].id, cite.citations[1].id))
      end
    end
  end
end

local function inline_image(image)
  return write_image(image, alt_of(image))
end

local function check_span(span)
  for _, class in ipairs(span.classes) do
    if not SPAN_CLASSES[class] and class ~= "label" and class ~= "number"
      and class ~= "citation" then
      fault("span class ." .. class .. " is not known")
    end
  end
end

local function accessible_math(math)
  if html then
    return nil
  end
  local body = typst_content({ pandoc.Plain({ math }) })
  local block = math.mathtype == "DisplayMath" and "true" or "false"
  return raw_inline(("#math.equation(block: %s, alt: %s, %s)"):format(
    block, typst_string(math.text), body))
end

local function check_raw_inline(inline)
  if inline.format == "html" and typst and not inline.text:match("^<!%-%-") then
    fault("raw HTML " .. inline.text .. " in a sentence would be lost in the PDF")
  end
end

local PAGEBREAK = "^{{<%s*pagebreak%s*>}}$"

local function pagebreak(para)
  if stringify(para):match(PAGEBREAK) then
    return typst and raw("#pagebreak(weak: true)") or {}
  end
  return nil
end

-- The whole -----------------------------------------------------------------------------------

local function attributes_of(div)
  return {
    path = div.attributes.path, stem = div.attributes.stem, number = div.attributes.number,
    appendix = div.attributes.appendix, skip = div.attributes.skip == "true",
  }
end

-- References, links, mathematics, and last the tables, whose cells may hold any of them.
local function finished(div)
  div = div:walk({ Inlines = function(inlines) doubled_word(inlines) end })
  div = div:walk({ Cite = resolve_cite })
  div = div:walk({
    Link = resolve_link, Image = inline_image, Span = check_span, Math = accessible_math,
    Para = pagebreak, RawInline = check_raw_inline,
  })
  if typst then
    return div:walk({ Table = typst_table }).content
  end
  return { pandoc.Div(div.content, pandoc.Attr("", { "chapter" })) }
end

-- Where the book names a bibliography and cites from it, the references come last.
local function references_chapter()
  local header = pandoc.Header(1, { pandoc.Str("References") }, pandoc.Attr("references"))
  chapter = { path = "references", stem = "references", number = "", appendix = "false" }
  local heading = html and write_heading_html(header) or write_heading_typst(header)
  local refs = pandoc.Div({}, pandoc.Attr("refs"))
  return html and { pandoc.Div({ heading, refs }, pandoc.Attr("", { "chapter" })) }
    or { heading, refs }
end

function Pandoc(doc)
  has_bibliography = doc.meta.bibliography ~= nil
  for _, div in ipairs(doc.blocks) do
    anchors[div.attributes.stem] = { [""] = "chapter-" .. div.attributes.stem }
    skipped[div.attributes.stem] = div.attributes.skip == "true"
  end
  for i, div in ipairs(doc.blocks) do
    chapter = attributes_of(div)
    counters, depths, level_before = {}, {}, nil
    div.content = number_blocks(div.content)
    local first = div.content[1]
    local id = first and first.t == "Header" and first.identifier or ""
    if html and id ~= "" then
      anchors[chapter.stem][""] = id
    end
    doc.blocks[i] = div
  end
  local blocks = pandoc.Blocks({})
  for _, div in ipairs(doc.blocks) do
    chapter = attributes_of(div)
    if not chapter.skip then
      blocks:extend(finished(div))
    end
  end
  if cites and not has_refs then
    blocks:extend(references_chapter())
  end
  if #faults > 0 then
    for _, message in ipairs(faults) do
      io.stderr:write("REFUSED " .. message .. "\n")
    end
    os.exit(65)
  end
  doc.blocks = blocks
  return doc
end
