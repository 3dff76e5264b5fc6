import { command } from '../cli/command.ts';
import { renderPublished } from '../render/published.ts';
import { accessOf, writing } from './access.ts';

export const manifestPublish = command({
  name: 'manifest publish',
  summary: 'Copy images to a repository, and sign and name the manifest that machines install',
  description:
    'Plain tar layers are converted. Every image goes to REPO/mos:<hex digest>, the signed manifest to REPO/NAME, its name last; publishing the same again changes nothing. SOURCE_DATE_EPOCH is written as the time of creation where it is set.',
  arguments: { file: { kind: 'path', value: 'manifest.yaml', help: 'the import file' } },
  options: {
    project: {
      kind: 'text',
      value: 'KEYSET:PROJECT',
      aliases: ['product'],
      required: true,
      help: 'whose key signs; machines of that product accept it',
    },
    repo: { kind: 'text', value: 'REPO', required: true, help: 'host:port of a registry, or zot:ROOT' },
    name: { kind: 'text', value: 'PATH:TAG', required: true, help: 'the name of the manifest in it' },
    skipBootkit: { kind: 'flag', aliases: ['skip-boot'], help: 'leave the target bootkit out' },
    format: {
      kind: 'choice',
      value: 'FORMAT',
      choices: ['squashfs', 'erofs'],
      help: 'the file system of layers that are converted',
    },
    platform: {
      kind: 'text',
      value: 'OS/ARCH',
      help: 'what the machines are, for example linux/arm64 (default: what this one is); images for others are refused',
    },
    dryRun: {
      kind: 'flag',
      help: 'show what would be sent and what would change; nothing is sent or signed',
    },
    ...writing,
  },
  examples: [
    'mosb manifest publish --project acme:default --repo zot:repo --name machine/web:1.0.0 manifest.yaml',
  ],
  async run({ host, args, options, report, signal, readStdin, builtAt, cwd }) {
    const use = await import('../../pkg/system/index.ts');
    const { parseProjectName } = await import('../../pkg/trust/index.ts');
    const { repository, tag } = use.parseName(options.name);
    const place = use.parsePlace(options.repo, cwd);
    return use.publish(
      host,
      {
        file: args.file,
        ...parseProjectName(options.project),
        place,
        repository,
        tag,
        skipBootkit: options.skipBootkit,
        dryRun: options.dryRun,
        format: options.format,
        platform: options.platform,
        created: use.sourceDate(host),
        cwd,
        scratch: await use.workingFolders(host),
        cache: use.conversionCache(host),
        access: await accessOf(options, place, signal, readStdin),
        time: { now: host.clock.now(), builtAt },
      },
      report,
    );
  },
  render: renderPublished,
});
