# PowerShell completion for ectwo. Made by `ectwo --completion powershell`; add it to $PROFILE.
Register-ArgumentCompleter -Native -CommandName ectwo -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or $_.Extent.Text -ne $wordToComplete } |
        ForEach-Object { $_.Extent.Text.Trim("'", '"') })
    $env:_ECTWO_COMPLETE = 'powershell'
    try {
        ectwo -- @words "$wordToComplete" 2>$null | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            $text = if ($value -match "[\s'`"``$;&|<>(){}]") { "'" + $value.Replace("'", "''") + "'" } else { $value }
            $tip = if ($help) { $help } else { $value }
            [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $tip)
        }
    } finally {
        Remove-Item Env:_ECTWO_COMPLETE
    }
}
