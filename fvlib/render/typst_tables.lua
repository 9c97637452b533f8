-- A pandoc table as a call of the template's `fitted-table`: spans, alignment, row groups, notes.

local stringify = pandoc.utils.stringify

local ALIGN = { AlignLeft = "left", AlignRight = "right", AlignCenter = "center" }

local function style_of(attributes)
  local style = {}
  for key, value in (attributes.style or ""):gmatch("([%w-]+)%s*:%s*([^;]+)") do
    style[key] = value:gsub("%s+$", "")
  end
  return style
end

local function cell_alignment(cell, colspec)
  return ALIGN[cell.alignment] or (colspec and ALIGN[colspec[1]]) or "left"
end

local function is_bold(attr)
  local weight = style_of(attr.attributes)["font-weight"] or ""
  return weight == "bold" or (tonumber(weight) or 0) >= 600
end

local function typst_content(blocks)
  local written = pandoc.write(pandoc.Pandoc(blocks), "typst")
  return (written:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- One row's cells as typst; `taken` keeps which columns are taken by spans from rows above.
local function typst_row(row, taken, columns, colspecs, role)
  local cells = {}
  local column = 1
  for _, cell in ipairs(row.cells) do
    while (taken[column] or 0) > 0 do
      taken[column] = taken[column] - 1
      column = column + 1
    end
    local options = {}
    if cell.col_span > 1 then
      options[#options + 1] = "colspan: " .. cell.col_span
    end
    if cell.row_span > 1 then
      options[#options + 1] = "rowspan: " .. cell.row_span
    end
    local align = cell_alignment(cell, colspecs[column])
    local fill = (style_of(cell.attr.attributes)["background-color"] or ""):match("^#%x%x%x%x%x%x$")
    if fill and fill:lower() ~= "#ffffff" then
      options[#options + 1] = 'fill: rgb("' .. fill .. '")'
    end
    options[#options + 1] = "align: " .. align .. (role == "head" and " + bottom" or " + top")
    if role == "group" then
      options[#options + 1] = "inset: (top: 7pt)"
    end
    local content = typst_content(cell.contents)
    if role == "group" or (role ~= "head" and is_bold(cell.attr)) then
      content = "#strong[" .. content .. "]"
    end
    if role == "head" and content ~= "" then
      content = "#th[" .. content .. "]"
    end
    cells[#cells + 1] = ("table.cell(%s)[%s]"):format(table.concat(options, ", "), content)
    for offset = 0, cell.col_span - 1 do
      if cell.row_span > 1 then
        taken[column + offset] = cell.row_span - 1
      end
    end
    column = column + cell.col_span
  end
  while column <= columns do
    if (taken[column] or 0) > 0 then
      taken[column] = taken[column] - 1
    end
    column = column + 1
  end
  return "  " .. table.concat(cells, ", ") .. ","
end

local function is_group(row, columns)
  return columns > 1 and #row.cells == 1 and row.cells[1].col_span == columns
end

local function is_summary(row)
  for _, cell in ipairs(row.cells) do
    for _, class in ipairs(cell.attr.classes) do
      if class:match("summary_row") then
        return true
      end
    end
  end
  return false
end

-- A thin line under each heading that spans some columns but not all.
local function spanner_rules(row)
  local rules = {}
  local column = 0
  for _, cell in ipairs(row.cells) do
    if cell.col_span > 1 and stringify(cell.contents) ~= "" then
      rules[#rules + 1] = ("table.hline(start: %d, end: %d, stroke: rule-light),"):format(
        column, column + cell.col_span)
    end
    column = column + cell.col_span
  end
  return "  " .. table.concat(rules, " ")
end

-- What decides how a table is fitted to the page: columns of words may wrap, columns of numbers
-- and names must not; and no column is narrower than its longest word.
local LONG_TEXT = 26

local function column_facts(element)
  local longest, word = {}, {}
  local function look(rows, heads)
    for _, row in ipairs(rows) do
      local column = 1
      for _, cell in ipairs(row.cells) do
        if cell.col_span == 1 then
          local text = stringify(cell.contents)
          if not heads then
            longest[column] = math.max(longest[column] or 0, utf8.len(text) or 0)
          end
          for part in text:gmatch("%S+") do
            word[column] = math.max(word[column] or 0, utf8.len(part) or 0)
          end
        end
        column = column + cell.col_span
      end
    end
  end
  look(element.head.rows, true)
  for _, body in ipairs(element.bodies) do
    look(body.body, false)
  end
  local facts = {}
  for column = 1, #element.colspecs do
    local length = longest[column] or 0
    facts[column] = ("(words: %s, length: %d, word: %d)"):format(
      tostring(length > LONG_TEXT), length, word[column] or 0)
  end
  return table.concat(facts, ", ")
end

return function(element)
  local columns = #element.colspecs
  local lines = {}
  local taken = {}
  local head = {}
  for i, row in ipairs(element.head.rows) do
    head[#head + 1] = typst_row(row, taken, columns, element.colspecs, "head")
    if i < #element.head.rows then
      head[#head + 1] = spanner_rules(row)
    end
  end
  lines[#lines + 1] = "  table.hline(stroke: rule-heavy),"
  if #head > 0 then
    lines[#lines + 1] = "  table.header(repeat: true,"
    lines[#lines + 1] = table.concat(head, "\n")
    lines[#lines + 1] = "  table.hline(stroke: rule-light)),"
  end
  local first_summary = true
  local count = 0
  for _, body in ipairs(element.bodies) do
    taken = {}
    for _, rows in ipairs({ body.head, body.body }) do
      for _, row in ipairs(rows) do
        local group = is_group(row, columns)
        if group and count > 0 then
          lines[#lines + 1] = "  table.hline(stroke: rule-light),"
        end
        if is_summary(row) and first_summary then
          first_summary = false
          lines[#lines + 1] = "  table.hline(stroke: rule-light),"
        end
        local written = typst_row(
          row, taken, columns, element.colspecs, group and "group" or "body")
        if group then  -- it stays with its rows, and is repeated where they break over pages
          written = "  table.header(level: 2, repeat: true, " .. written .. "),"
        end
        lines[#lines + 1] = written
        count = count + 1
      end
    end
  end
  lines[#lines + 1] = "  table.hline(stroke: rule-heavy),"
  local notes = {}
  for _, row in ipairs(element.foot.rows) do
    for _, cell in ipairs(row.cells) do
      notes[#notes + 1] = "[" .. typst_content(cell.contents) .. "]"
    end
  end
  return pandoc.RawBlock("typst", ("#fitted-table((%s,), notes: (%s),\n%s\n)"):format(
    column_facts(element), table.concat(notes, ", ") .. (#notes > 0 and "," or ""), table.concat(lines, "\n")))
end
