-- Quarto's PDF sets tables as the portable renderer's does: `fitted-table` of look.typ.
local typst_table = require("typst_tables")

return {
  {
    Table = function(element)
      return FORMAT:match("typst") and typst_table(element) or nil
    end,
  },
}
