import { type RegistryKind, startRegistry } from '../../../test/helpers/registries.ts';
import { FreshFolders } from '../folders.ts';
import { imageSource, layerFile } from '../images.ts';
import { inTurn, programSide, type Side } from '../pairs.ts';
import { type Program, shell } from '../program.ts';
import { type Context, type Group, milliseconds, type Row, seconds } from '../row.ts';
import { publishProgram } from '../vendor.ts';

/** A registry of its own for each run, so that nothing is there; it is told to `program` by host:port. */
function emptyRegistry(
  { folder }: Context,
  name: string,
  program: (host: string) => Program,
  kind: RegistryKind = 'docker',
): Side {
  const waits = new FreshFolders(folder, name);
  const hooks: (() => unknown)[] = [];
  let host = '';
  return programSide(() => program(host), {
    prepare: async () => {
      await waits.next();
      ({ host } = await startRegistry({ teardown: (hook) => hooks.push(hook) }, { kind }));
    },
    clean: async () => {
      for (const hook of hooks.splice(0).reverse()) await hook();
    },
  });
}

const skopeoCopy = (source: string, host: string): Program => ({
  argv: ['skopeo', 'copy', '--quiet', '--dest-tls-verify=false', source, `docker://${host}/mos:1`],
});

/** What the registry itself takes: the bytes of the layer by one PUT, as the specification has it, and nothing else. */
const putLayer = (file: string, host: string): Program =>
  shell(
    `at=$(curl -sf -o "$3" -w '%header{location}' -X POST "http://$2/v2/mos/blobs/uploads/")
    case $at in /*) at=http://$2$at ;; esac
    case $at in *\\?*) at=$at\\& ;; *) at=$at\\? ;; esac
    curl -sf -o "$3" -H Expect: -H 'Content-Type: application/octet-stream' -T "$1" "$at"digest="sha256:\${1##*/}"`,
    file,
    host,
    '/dev/null',
  );

export const publish: Group = {
  name: 'publish',
  async run(context): Promise<Row[]> {
    const { folder, say, pairs } = context;
    const program = (source: string) => (repository: string) =>
      publishProgram({ folder, repository, name: 'machine/one:1', release: 1, source });
    const [system, large] = [imageSource('system', say), imageSource('large', say)];
    const first = await inTurn(pairs, {
      ours: emptyRegistry(context, 'ours', program(system)),
      theirs: emptyRegistry(context, 'theirs', (host) => skopeoCopy(system, host)),
      bare: emptyRegistry(context, 'bare', (host) => putLayer(layerFile(system), host)),
      oursInMemory: emptyRegistry(context, 'ours-in-memory', program(system), 'referrers'),
      theirsInMemory: emptyRegistry(
        context,
        'theirs-in-memory',
        (host) => skopeoCopy(system, host),
        'referrers',
      ),
    });
    const { host: full } = await startRegistry(context, { kind: 'docker' });
    const again = await inTurn(pairs, {
      ours: programSide(() => program(large)(full)),
      copy: emptyRegistry(context, 'copy', (host) => skopeoCopy(large, host)),
      again: programSide(() => skopeoCopy(large, full)),
    });
    const unchanged = { work: '`mosb manifest publish` of 920 MB in 10 layers again, unchanged' };
    return [
      {
        work: '`mosb manifest publish` of one image of 103 MB',
        against: '`skopeo copy` of the image',
        unit: 'ms',
        ours: milliseconds(first.ours),
        theirs: milliseconds(first.theirs),
        goal: 0.6,
      },
      {
        work: 'the registry alone: `curl -T` of the layer, nothing hashed, signed or named by the client',
        against: '`skopeo copy` of the image',
        unit: 'ms',
        ours: milliseconds(first.bare),
        theirs: milliseconds(first.theirs),
      },
      {
        work: '`mosb manifest publish` of it to a registry that keeps it in memory',
        against: '`skopeo copy` of the image to that',
        unit: 'ms',
        ours: milliseconds(first.oursInMemory),
        theirs: milliseconds(first.theirsInMemory),
      },
      {
        ...unchanged,
        against: '`skopeo copy` of the image',
        unit: 's',
        ours: seconds(again.ours),
        theirs: seconds(again.copy),
        goal: 0.1,
      },
      {
        ...unchanged,
        against: '`skopeo copy` of the image where it is already',
        unit: 'ms',
        ours: milliseconds(again.ours),
        theirs: milliseconds(again.again),
      },
    ];
  },
};
