import type { Call } from '../../pkg/api/index.ts';
import {
  type Arguments,
  type Command,
  type CommandDefinition,
  type Context,
  command,
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
      if (host === undefined && file === undefined) return definition.run(given);
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
