package charts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"
)

const chartsFolder = "charts"

// With "all:", because files that begin with an underscore belong to a chart.
//
//go:embed all:charts manifests
var files embed.FS

// contents returns everything that is served, by path.
func contents() (map[string][]byte, error) {
	served := map[string][]byte{}
	index := repo.NewIndexFile()
	folders, err := files.ReadDir(chartsFolder)
	if err != nil {
		return nil, fmt.Errorf("listing charts: %w", err)
	}
	for _, folder := range folders {
		archive, err := pack(folder.Name())
		if err != nil {
			return nil, fmt.Errorf("packing chart %s: %w", folder.Name(), err)
		}
		chart, err := loader.LoadArchive(bytes.NewReader(archive))
		if err != nil {
			return nil, fmt.Errorf("loading chart %s: %w", folder.Name(), err)
		}
		file := chart.Name() + "-" + chart.Metadata.Version + ".tgz"
		if err := index.MustAdd(chart.Metadata, file, "", digest(archive)); err != nil {
			return nil, fmt.Errorf("indexing chart %s: %w", folder.Name(), err)
		}
		served["/"+file] = archive
	}
	index.SortEntries()
	if served["/index.yaml"], err = yaml.Marshal(index); err != nil {
		return nil, fmt.Errorf("writing the index: %w", err)
	}
	if served[manifest], err = files.ReadFile(manifest[1:]); err != nil {
		return nil, fmt.Errorf("reading the manifests: %w", err)
	}
	return served, nil
}

// pack makes the archive of a chart; the same files make the same archive.
func pack(chart string) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	err := fs.WalkDir(files, path.Join(chartsFolder, chart), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name[len(chartsFolder)+1:], Mode: 0o644, Size: int64(len(content))}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
