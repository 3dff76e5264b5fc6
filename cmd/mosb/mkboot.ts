import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import type { Reference } from '../../pkg/oci/index.ts';
import type { Report } from '../../pkg/steps/index.ts';
import { command } from '../cli/command.ts';
import { reading } from '../cli/common.ts';
import { renderMedium } from '../render/medium.ts';
import { bootSources, toBootSources } from './boot-sources.ts';

const made =
  'The medium boots as a disc and, copied to a stick or a disk, as that. Its boot file boots the target livecd of REF and nothing else, and gets no secret of a machine. The manifest is verified first, and comes along with all its images; with --repo the boot file fetches the target into memory, from the registry by the network. The same parts, keys and manifests give the same bytes; files have the time of SOURCE_DATE_EPOCH.';

const arguments_ = {
  project: { kind: 'text', value: 'KEYSET:PROJECT', help: 'whose keys sign, and whose manifest it is' },
  ref: { kind: 'reference', value: 'REF', help: 'the install manifest with the target livecd' },
  output: { kind: 'path', value: 'OUT', help: 'the file to make' },
} as const;

const options_ = {
  cdrom: { kind: 'flag', help: 'an ISO image; the only kind there is' },
  add: {
    kind: 'list',
    value: 'REF',
    help: 'another manifest that comes along, to be installed from the medium; may be given several times',
  },
  repo: {
    kind: 'text',
    value: 'URL',
    help: 'the registry that the live system comes from when it is booted (https://host:port, http://host:port), in place of the medium; --registry-ca is its CA then too',
  },
  ...bootSources,
  ...reading,
} as const;

type Given = {
  readonly host: Host;
  readonly args: { readonly project: string; readonly ref: Reference; readonly output: string };
  readonly options: { readonly [K in keyof typeof bootSources]: string } & {
    readonly cdrom: boolean;
    readonly add: readonly string[];
    readonly repo: string | undefined;
    readonly plainHttp: boolean;
    readonly registryCa: string | undefined;
  };
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly builtAt: Date;
  readonly cwd: string;
};

async function make(given: Given, purpose: 'limited' | 'tpm', enrol: boolean) {
  const { host, args, options, report, signal, builtAt, cwd } = given;
  if (!options.cdrom)
    throw new MosError('usage', 'cannot make a medium: say --cdrom', { hint: 'there is no other kind yet' });
  const use = await import('../../pkg/system/index.ts');
  const { parseProjectName } = await import('../../pkg/trust/index.ts');
  const { keyset, project } = parseProjectName(args.project);
  const { plainHttp, registryCa } = options;
  const repo = options.repo === undefined ? undefined : use.requireRegistry(options.repo);
  const sources = await toBootSources(host, keyset, options);
  const { ref: reference, output } = args;
  const access = { plainHttp, registryCa, signal };
  const [date, time] = [use.sourceSeconds(host), { now: host.clock.now(), builtAt }];
  const wishes = {
    project,
    reference,
    more: options.add,
    repo,
    cwd,
    output,
    purpose,
    enrol,
    date,
    access,
    time,
  };
  return use.makeLiveMedium(host, { ...sources, ...wishes }, report);
}

export const mkboot = command({
  name: 'mkboot',
  summary: 'Make a medium that boots a live system, to install machines from',
  description: made,
  arguments: arguments_,
  options: {
    ...options_,
    enrol: { kind: 'flag', help: 'firmware in setup mode gets the keys of the keyset, and nobody is asked' },
  },
  examples: [
    'mosb mkboot --cdrom --kernel build/kernel acme:default zot:repo:machine/live:1.0.0 live.iso',
    'mosb mkboot --cdrom --repo https://registry.example.com --kernel build/kernel acme:default registry.example.com/machine/live:1.0.0 live.iso',
  ],
  run: (given) => make(given, 'limited', given.options.enrol),
  render: renderMedium,
});

export const mkprovision = command({
  name: 'mkprovision',
  summary: 'Make a medium that provisions machines: it enrols the keyset, and its boot file is for the TPM',
  description: `${made} Firmware in setup mode gets the keys of the keyset, and nobody is asked.`,
  arguments: arguments_,
  options: options_,
  examples: [
    'mosb mkprovision --cdrom --kernel build/kernel acme:default zot:repo:machine/live:1.0.0 provision.iso',
  ],
  run: (given) => make(given, 'tpm', true),
  render: renderMedium,
});
