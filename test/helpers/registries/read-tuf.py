"""Reads a release channel with the reference implementation of TUF, straight from a registry: HOST/NAME ROOT.json CACHE."""

import json
import pathlib
import sys
import urllib.error
import urllib.request

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

repository, root, cache = sys.argv[1:]
host, name = repository.split("/", 1)
accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


class Registry(FetcherInterface):
    """A file is the one layer of the artifact that its name tags."""

    def _fetch(self, url):
        manifest = json.loads(self.get("manifests/" + url.rsplit("/", 1)[1]))
        (layer,) = manifest["layers"]
        yield self.get("blobs/" + layer["digest"])

    def get(self, path):
        try:
            request = urllib.request.Request(f"http://{host}/v2/{name}/{path}", headers=accept)
            with urllib.request.urlopen(request) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise DownloadHTTPError(str(error), error.code) from error


pathlib.Path(cache).mkdir(exist_ok=True)
updater = Updater(
    cache,
    "http://channel/",
    target_dir=cache,
    target_base_url="http://channel/",
    fetcher=Registry(),
    bootstrap=pathlib.Path(root).read_bytes(),
)
updater.refresh()
target = updater.get_targetinfo("index.json")
print(pathlib.Path(updater.download_target(target)).read_text())
