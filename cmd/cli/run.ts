import { exitCodeOf, MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import type { Report } from '../../pkg/steps/index.ts';
import { normalize } from './arguments.ts';
import { type Command, type Context, flagName, type Program } from './command.ts';
import { renderError, renderJson, renderResult } from './output.ts';
import { type Parsed, parseCommandLine } from './parse.ts';
import { progressTo, type Screen } from './progress.ts';

/** What a run may touch outside of `host`; a test gives its own. */
export type Terminal = {
  readonly stdout: { write(text: string): void };
  readonly stderr: Screen;
  readStdin(): Promise<string>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly version: string;
  readonly builtAt: Date;
};

/** Runs one command line; returns the exit code. Nothing is thrown. */
export async function run(
  host: Host,
  program: Program,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { globals, rest } = normalize(program, argv);
  const silent = globals.quiet || (globals.json && terminal.stderr.columns === undefined);
  const progress = progressTo(terminal.stderr, host.clock);
  const report = reporting(silent ? () => {} : progress.report, terminal.signal);
  try {
    if (globals.version) {
      const { version } = terminal;
      terminal.stdout.write(globals.json ? renderJson({ version }) : `${version}\n`);
      return 0;
    }
    const parsed = parseCommandLine(program, rest, terminal.cwd);
    if (parsed.kind === 'help') return showHelp(program, parsed, terminal, globals.json);
    const value = await act(host, parsed, terminal, report);
    progress.clear();
    terminal.stdout.write(renderResult(parsed.command, value, globals.json));
    const failure = parsed.command.failure?.(value);
    if (failure !== undefined) throw failure;
    return parsed.command.exitCode?.(value) ?? 0;
  } catch (error) {
    progress.clear();
    const shown = terminal.signal.aborted ? interrupted(error) : error;
    terminal.stderr.write(renderError(program.name, shown, globals));
    return exitCodeOf(shown);
  }
}

/** Steps and bytes are also places where a signal stops the work; notes are not: undoing says them. */
const reporting =
  (report: Report, signal: AbortSignal): Report =>
  (event) => {
    report(event);
    if (event.kind !== 'note') signal.throwIfAborted();
  };

function showHelp(
  program: Program,
  parsed: Extract<Parsed, { kind: 'help' }>,
  terminal: Terminal,
  json: boolean,
): number {
  if (json && !parsed.wanted)
    throw new MosError('usage', 'cannot understand the command line: it names no command', {
      hint: `see ${program.name} --help`,
    });
  if (json) terminal.stdout.write(renderJson({ help: parsed.text }));
  else (parsed.wanted ? terminal.stdout : terminal.stderr).write(parsed.text);
  return parsed.wanted ? 0 : 2;
}

function act(
  host: Host,
  parsed: Extract<Parsed, { kind: 'run' }>,
  terminal: Terminal,
  report: Report,
): Promise<unknown> {
  const command: Command = parsed.command;
  for (const [key, option] of Object.entries(command.options ?? {}))
    if (option.kind === 'secret' && parsed.options[key] !== undefined)
      report({
        kind: 'note',
        text: `warning: other users of this machine can read --${flagName(key)} on a command line`,
      });
  const context = {
    host,
    args: parsed.args,
    options: parsed.options,
    report,
    signal: terminal.signal,
    builtAt: terminal.builtAt,
    cwd: terminal.cwd,
    readStdin: terminal.readStdin,
  };
  return command.run(context as unknown as Context<Record<never, never>, Record<never, never>>);
}

/** Whatever failed after the signal failed because of it. */
const interrupted = (cause: unknown): MosError =>
  cause instanceof MosError && cause.code === 'interrupted'
    ? cause
    : new MosError('interrupted', 'cannot finish: stopped by a signal', { cause });
