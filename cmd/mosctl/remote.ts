import type { Call } from '../../pkg/api/index.ts';
import { MosError } from '../../pkg/errors/index.ts';
import {
  type Arguments,
  type Command,
  type CommandDefinition,
  type Context,
  command,
  flagName,
  type Options,
} from '../cli/command.ts';

const remoteOptions = {
  host: {
    kind: 'text',
    value: 'URL',
    help: 'a machine elsewhere: https://address[:port], unix:/run/mos/api.sock',
  },
  cert: { kind: 'path', value: 'FILE', help: 'with --host: our certificate (trust api-client add)' },
  key: { kind: 'path', value: 'FILE', help: 'with --host: its key' },
  serverCa: { kind: 'path', value: 'FILE', help: 'with --host: the CA of machines (sudi-ca of the keyset)' },
  serial: { kind: 'text', value: 'SERIAL', help: 'with --host: which machine it must be' },
  context: {
    kind: 'path',
    value: 'FILE',
    help: 'a JSON file with these five: host, cert, key, serverCa, serial',
  },
} as const;

/** No call carries these: a machine goes by what its `mosctl serve` was given. */
const localOnly = ['root', 'ca', 'integrity', 'product', 'registryCa', 'retry'];

/** What would be passed over in silence is refused; a default was not given. */
function requireCarried(definition: Options, given: Readonly<Record<string, unknown>>): void {
  const name = localOnly.find((key) => {
    const option = definition[key];
    const usual = option !== undefined && 'default' in option ? option.default : undefined;
    return given[key] !== undefined && given[key] !== false && given[key] !== usual;
  });
  if (name !== undefined)
    throw new MosError(
      'usage',
      `cannot use --${flagName(name)} for a machine elsewhere: it counts here alone`,
    );
}

/** Whoever names a machine half means it, and not the one they sit at. */
function requireNoneElsewhere(given: Readonly<Record<string, string | undefined>>): void {
  const name = Object.keys(given).find((key) => given[key] !== undefined);
  if (name !== undefined)
    throw new MosError('usage', `cannot use --${flagName(name)} without --host or --context`);
}

/** A command that can also be given to a machine elsewhere; it prints what it prints there. */
export const remoteCommand = <const A extends Arguments, const O extends Options, R>(
  definition: CommandDefinition<A, O, R>,
  toCall: (given: Pick<Context<A, O>, 'host' | 'args' | 'options'>) => Call | Promise<Call>,
  /** What the machine answered to what the command gives; default the same. */
  finish: (answer: unknown, given: Context<A, O>) => Promise<R> = async (answer) => answer as R,
): Command =>
  command({
    ...definition,
    options: { ...definition.options, ...remoteOptions } as Options,
    async run(context: Context<Arguments, Options>) {
      const { host, cert, key, serverCa, serial, context: file, ...options } = context.options;
      const given = { ...context, options } as unknown as Context<A, O>;
      const target = { host, cert, key, serverCa, serial, context: file } as Record<
        string,
        string | undefined
      >;
      if (host === undefined && file === undefined) {
        requireNoneElsewhere(target);
        return definition.run(given);
      }
      requireCarried(definition.options ?? {}, options);
      const { callMachine } = await import('../../pkg/api/index.ts');
      const { host: own, report, signal, builtAt } = context;
      const call = await toCall(given);
      return finish(await callMachine(own, target, call, report, signal, builtAt), given);
    },
  } as unknown as CommandDefinition<Arguments, Options, unknown>);

/** The path of a service there; a name that is none could be another path. */
export const servicePath = async (name: string, what: string): Promise<string> => {
  const { parseServiceName } = await import('../../pkg/manifest/index.ts');
  return `/v1/services/${parseServiceName(name)}/${what}`;
};

/** What was not given is not said. */
export const bodyOf = (fields: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== false));
