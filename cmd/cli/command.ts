import type { MosError, Secret } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import type { Reference } from '../../pkg/oci/index.ts';
import type { Report } from '../../pkg/steps/index.ts';

/** What a value on the command line is. Paths become absolute; a reference is parsed, its folder made absolute. */
export type ValueKind = 'text' | 'path' | 'reference' | 'integer' | 'choice';

type Common = {
  readonly help: string;
  /** One letter: `-r`. */
  readonly short?: string;
  /** Other long names, without dashes; earlier users' scripts have them. */
  readonly aliases?: readonly string[];
};
type Valued = Common & {
  readonly kind: ValueKind;
  /** The word for the value in the help: `DIR`. */
  readonly value: string;
  readonly choices?: readonly string[];
  readonly required?: boolean;
  readonly default?: string;
};
export type FlagOption = Common & { readonly kind: 'flag' };
/** May be given several times. */
export type ListOption = Common & { readonly kind: 'list'; readonly value: string };
/** Works, with a warning: other users of the machine can read a command line. */
export type SecretOption = Common & { readonly kind: 'secret'; readonly value: string };
export type CommandOption = FlagOption | ListOption | SecretOption | Valued;

export type CommandArgument = {
  readonly kind: ValueKind;
  /** The word in the help: `REF`. */
  readonly value: string;
  readonly help: string;
  readonly choices?: readonly string[];
  readonly optional?: boolean;
  /** Takes all that is left; the last one only. */
  readonly many?: boolean;
};

export type Options = Readonly<Record<string, CommandOption>>;
export type Arguments = Readonly<Record<string, CommandArgument>>;

type ValueOf<V extends { readonly kind: ValueKind; readonly choices?: readonly string[] }> =
  V['kind'] extends 'integer'
    ? number
    : V['kind'] extends 'reference'
      ? Reference
      : V['choices'] extends readonly string[]
        ? V['choices'][number]
        : string;

type OptionValue<O extends CommandOption> = O extends FlagOption
  ? boolean
  : O extends ListOption
    ? readonly string[]
    : O extends SecretOption
      ? Secret | undefined
      : O extends Valued
        ? O extends { readonly required: true } | { readonly default: string }
          ? ValueOf<O>
          : ValueOf<O> | undefined
        : never;

type ArgumentValue<A extends CommandArgument> = A extends { readonly many: true }
  ? readonly ValueOf<A>[]
  : A extends { readonly optional: true }
    ? ValueOf<A> | undefined
    : ValueOf<A>;

export type OptionValues<O extends Options> = { readonly [K in keyof O]: OptionValue<O[K]> };
export type ArgumentValues<A extends Arguments> = { readonly [K in keyof A]: ArgumentValue<A[K]> };

/** What an action is given. It passes them on to a use case, and returns its value. */
export type Context<A extends Arguments, O extends Options> = {
  readonly host: Host;
  readonly args: ArgumentValues<A>;
  readonly options: OptionValues<O>;
  readonly report: Report;
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** When this program was built: no sane clock is earlier. */
  readonly builtAt: Date;
  /** The working directory. */
  readonly cwd: string;
  /** All of stdin, without the newline at its end: for `--pass-stdin`. */
  readStdin(): Promise<string>;
};

export type CommandDefinition<A extends Arguments, O extends Options, R> = {
  /** Words, as typed: `install`, `keyset add`. */
  readonly name: string;
  /** One line, begins with a verb, no full stop. */
  readonly summary: string;
  /** Further paragraphs for `--help` and docs/cli.md. */
  readonly description?: string;
  /** In the order of the command line. */
  readonly arguments?: A;
  /** Keys are camelCase, the flags kebab-case: `skipBootkit` is `--skip-bootkit`. */
  readonly options?: O;
  /** Command lines for the help. */
  readonly examples?: readonly string[];
  /** A line that says why the command is there though it is none of ours to show: mount helpers. */
  readonly hidden?: boolean;
  run(context: Context<A, O>): Promise<R>;
  /** The value as text for people, without a newline at the end; '' prints nothing. `--json` prints the value itself. */
  render(value: R): string;
  /** Where the exit code is not ours: that of a program which was run. */
  exitCode?(value: R): number;
  /** A result that is bad news (`verify` found damage): printed like any result, then this error decides the exit code. */
  failure?(value: R): MosError | undefined;
};

/** A command whose types were checked where it was defined. */
export type Command = CommandDefinition<Arguments, Options, unknown>;

/** Checks a definition against its own argument and option types and forgets them. */
export const command = <
  const A extends Arguments = Record<never, never>,
  const O extends Options = Record<never, never>,
  R = unknown,
>(
  definition: CommandDefinition<A, O, R>,
): Command => definition as unknown as Command;

export type Program = {
  readonly name: string;
  readonly summary: string;
  /** What the first word of two-word commands is about. */
  readonly groups: Readonly<Record<string, string>>;
  readonly commands: readonly Command[];
};

/** `skipBootkit` to `skip-bootkit`. */
export const flagName = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
